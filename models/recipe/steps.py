"""What the three steps of the recipe agree on.

The steps meet only in the data folder. This module owns the names of the files in it, the shape of the
model and the special tokens. It imports nothing outside the standard library, so `--help` answers on a
machine where none of the heavy packages is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# The data folder: prepare.py writes the first four, train.py the checkpoint, export.py only reads.
PLAIN_TEXT_FILE = "plain.txt"
TOKENIZER_PREFIX = "tok"
TOKENIZER_FILE = TOKENIZER_PREFIX + ".model"
TRAIN_TOKENS_FILE = "train.bin"
VALID_TOKENS_FILE = "valid.bin"
CHECKPOINT_FILE = "ckpt.pt"

# NumPy's name for a little-endian uint16: two bytes hold 2,048 pieces with room to spare.
TOKEN_DTYPE = "<u2"

UNKNOWN_ID = 0
BOS_ID = 1
EOS_ID = 2
USER_PIECE = "<|user|>"
ASSISTANT_PIECE = "<|assistant|>"


@dataclass(frozen=True)
class ModelConfig:
    """The shape of the network. The field names are those of the "config" entry in a checkpoint."""

    vocab: int = 2048
    dim: int = 128
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 352
    ctx: int = 512
    theta: float = 10_000.0
    eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads

    @property
    def kv_dim(self) -> int:
        return self.kv_heads * self.head_dim


class RecipeError(Exception):
    """A failure that the reader can mend; its message is the whole report."""


def require_file(path: Path, action: str, remedy: str) -> Path:
    """Returns the path of a file that exists, or says what cannot be done without it and where it comes from."""
    if not path.is_file():
        raise RecipeError(f"Cannot {action}: {path} is missing. {remedy}")
    return path


def run_step(step: Callable[[], None]) -> None:
    """Runs a step. A failure it foresaw ends in one line and exit status 1, anything else in a traceback."""
    try:
        step()
    except RecipeError as error:
        sys.exit(str(error))
    except ModuleNotFoundError as error:
        sys.exit(f"Cannot import {error.name}: install the packages of requirements.txt first.")
    except KeyboardInterrupt:
        sys.exit("Stopped.")
