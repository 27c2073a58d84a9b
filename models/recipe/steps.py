"""Owns what the three steps of the recipe share: names of files, the shape of the model, special tokens.

The steps pass data only as files in the data folder. This module imports only the standard library, so `--help`
works without the packages of requirements.txt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Files in the data folder: train.py writes the checkpoint, and prepare.py writes the others.
PLAIN_TEXT_FILE = "plain.txt"
TOKENIZER_PREFIX = "tok"
TOKENIZER_FILE = TOKENIZER_PREFIX + ".model"
TRAIN_TOKENS_FILE = "train.bin"
VALID_TOKENS_FILE = "valid.bin"
CHECKPOINT_FILE = "ckpt.pt"

# NumPy's name for a little-endian uint16, which is large enough for 2,048 pieces.
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
    """A failure that the user can repair. Only its message is shown."""


def require_file(path: Path, action: str, remedy: str) -> Path:
    """Returns the path if the file exists; otherwise raises an error with the failed action and the remedy."""
    if not path.is_file():
        raise RecipeError(f"Cannot {action}: {path} is missing. {remedy}")
    return path


def run_step(step: Callable[[], None]) -> None:
    """Runs a step. An expected failure prints one line and exits with status 1; other errors print a traceback."""
    try:
        step()
    except RecipeError as error:
        sys.exit(str(error))
    except ModuleNotFoundError as error:
        sys.exit(f"Cannot import {error.name}: install the packages of requirements.txt first.")
    except KeyboardInterrupt:
        sys.exit("Stopped.")
