"""Step 2: trains a checkpoint on the token streams, on a CPU or a GPU.

Reads   DATA_DIR/train.bin, DATA_DIR/valid.bin   from prepare.py
        DATA_DIR/ckpt.pt                         if it exists, training continues from it
Writes  DATA_DIR/ckpt.pt                         every 200 steps and at the end: weights, optimizers, config

Training has a limit of time, not of steps, and the learning rate depends on the share of the time that is spent.
So a faster machine takes more steps and trains a different model. MINUTES includes the time of earlier runs: the
same command continues a run that was interrupted.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steps import (
    CHECKPOINT_FILE,
    TOKEN_DTYPE,
    TRAIN_TOKENS_FILE,
    VALID_TOKENS_FILE,
    ModelConfig,
    RecipeError,
    require_file,
    run_step,
)

if TYPE_CHECKING:
    from torch import Tensor

SEED = 1
SECONDS_PER_MINUTE = 60

BATCH_TOKENS = 6144
ADAMW_LR = 3e-3
ADAMW_BETAS = (0.9, 0.95)
MUON_LR = 0.02
GRADIENT_NORM_LIMIT = 1.0

# The learning rate rises for some steps, is constant for a fifth of the time, then falls as half a cosine does.
WARMUP_STEPS = 100
FULL_RATE_UNTIL = 0.2
FINAL_RATE = 0.05

# The time of attention grows with the square of the window, so most of the training uses windows of half the context.
FULL_WINDOW_FROM = 0.8

REPORT_EVERY_STEPS = 50
FIRST_REPORT_STEP = 5
SAVE_EVERY_STEPS = 200
VALID_WINDOWS = 16


def rate_scale(step: int, spent_share: float) -> float:
    """Returns the factor for both learning rates."""
    warmup = min(1, (step + 1) / WARMUP_STEPS)
    if spent_share < FULL_RATE_UNTIL:
        return warmup
    falling = 0.5 * (1 + math.cos(math.pi * (spent_share - FULL_RATE_UNTIL) / (1 - FULL_RATE_UNTIL)))
    return warmup * (FINAL_RATE + (1 - FINAL_RATE) * falling)


def read_tokens(path: Path, longest_window: int) -> Tensor:
    import numpy as np
    import torch

    tokens = torch.from_numpy(np.fromfile(path, dtype=TOKEN_DTYPE).astype(np.int64))
    if len(tokens) < longest_window + 2:
        raise RecipeError(f"Cannot train: {path} holds {len(tokens)} tokens, and one window takes {longest_window + 2}.")
    return tokens


def draw_windows(tokens: Tensor, count: int, length: int, device: str) -> tuple[Tensor, Tensor]:
    """Draws windows at random places of a stream. The targets are the same windows, moved by one token."""
    import torch

    starts = torch.randint(len(tokens) - length - 1, (count,))
    inputs = torch.stack([tokens[start : start + length] for start in starts])
    targets = torch.stack([tokens[start + 1 : start + length + 1] for start in starts])
    return inputs.to(device), targets.to(device)


def save_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Writes a new file and then replaces the old checkpoint, so that a stop while it writes loses nothing."""
    import torch

    unfinished = path.with_suffix(".tmp")
    torch.save(checkpoint, unfinished)
    os.replace(unfinished, path)


def train(data_dir: Path, minutes: float) -> None:
    train_path = require_file(data_dir / TRAIN_TOKENS_FILE, "train", "Run prepare.py first.")
    valid_path = require_file(data_dir / VALID_TOKENS_FILE, "train", "Run prepare.py first.")

    import torch
    import torch.nn.functional as F
    from torch import nn

    from model import Llama, stacked_row_counts
    from muon import Muon

    config = ModelConfig()
    train_tokens = read_tokens(train_path, config.ctx)
    valid_tokens = read_tokens(valid_path, config.ctx)
    checkpoint_path = data_dir / CHECKPOINT_FILE

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(SEED)
    model = Llama(config).to(device)
    parameters = list(model.named_parameters())
    matrices = [p for name, p in parameters if p.dim() > 1 and name != "embed.weight"]
    others = [p for name, p in parameters if p.dim() < 2 or name == "embed.weight"]
    adamw = torch.optim.AdamW(others, lr=ADAMW_LR, betas=ADAMW_BETAS, weight_decay=0.0)
    muon = Muon(matrices, lr=MUON_LR, stacked_row_counts=stacked_row_counts(config))

    step, earlier_seconds = 0, 0.0
    if checkpoint_path.exists():
        checkpoint = torch.load(checkpoint_path, map_location=device)
        if checkpoint["config"] != asdict(config):
            raise RecipeError(f"Cannot continue from {checkpoint_path}: it holds a model of another shape. Move it away.")
        model.load_state_dict(checkpoint["model"])
        adamw.load_state_dict(checkpoint["opt"])
        muon.load_state_dict(checkpoint["muon"])
        step, earlier_seconds = checkpoint["step"], checkpoint["seconds"]
        print(f"continuing after step {step}, {earlier_seconds / SECONDS_PER_MINUTE:.1f} min", flush=True)
    print(f"{sum(p.numel() for _, p in parameters):,} parameters on {device}", flush=True)

    started = time.time() - earlier_seconds
    total_seconds = minutes * SECONDS_PER_MINUTE

    def save() -> None:
        state = {
            "model": model.state_dict(),
            "opt": adamw.state_dict(),
            "muon": muon.state_dict(),
            "seconds": time.time() - started,
            "step": step,
            "config": asdict(config),
        }
        save_checkpoint(checkpoint_path, state)

    reported_at, reported_step = time.time(), step
    while (spent := time.time() - started) < total_seconds:
        spent_share = spent / total_seconds
        scale = rate_scale(step, spent_share)
        adamw.param_groups[0]["lr"] = ADAMW_LR * scale
        muon.param_groups[0]["lr"] = MUON_LR * scale
        window = config.ctx // (2 if spent_share < FULL_WINDOW_FROM else 1)

        inputs, targets = draw_windows(train_tokens, BATCH_TOKENS // window, window, device)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM_LIMIT)
        adamw.step()
        muon.step()
        step += 1

        if step % REPORT_EVERY_STEPS == 0 or step == FIRST_REPORT_STEP:
            model.eval()
            # The seed makes a report repeatable. The next training windows depend on it too, so each report has another
            # seed.
            torch.manual_seed(step)
            with torch.no_grad():
                inputs, targets = draw_windows(valid_tokens, VALID_WINDOWS, window, device)
                valid_loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).item()
            model.train()
            now = time.time()
            speed = BATCH_TOKENS * (step - reported_step) / (now - reported_at)
            reported_at, reported_step = now, step
            print(
                f"step {step} {spent / SECONDS_PER_MINUTE:.1f} of {minutes:g} min, rate x{scale:.3f}, "
                f"loss {loss.item():.3f} train {valid_loss:.3f} valid, {speed:,.0f} tokens/s",
                flush=True,
            )
        if step % SAVE_EVERY_STEPS == 0:
            save()
    save()
    print(f"{checkpoint_path}: step {step}", flush=True)


def positive_minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not (minutes > 0 and math.isfinite(minutes)):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of minutes")
    return minutes


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Step 2: train the model on the token streams of prepare.py.")
    parser.add_argument("data_dir", metavar="DATA_DIR", type=Path, help="the data folder that prepare.py filled")
    parser.add_argument(
        "minutes",
        metavar="MINUTES",
        type=positive_minutes,
        help="how long to train, including earlier runs into the same folder",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    train(args.data_dir, args.minutes)


if __name__ == "__main__":
    run_step(main)
