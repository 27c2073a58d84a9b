"""Muon, an optimizer: momentum with an orthogonal update (Keller Jordan and others, 2024).

Muon is for the matrices inside the blocks. AdamW trains norms and embeddings, which are not linear maps between
hidden states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

# The polynomial that Muon's authors tuned: it moves singular values close to 1 fast, but not exactly to 1.
NEWTON_SCHULZ_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
NORM_FLOOR = 1e-7


def orthogonalise(x: Tensor) -> Tensor:
    """Moves the singular values of a matrix to about 1 and keeps its singular vectors."""
    a, b, c = NEWTON_SCHULZ_COEFFICIENTS
    rows, columns = x.shape
    tall = rows > columns
    if tall:
        x = x.T  # the Gram matrix below is then as small as possible
    x = x / (x.norm() + NORM_FLOOR)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    # A tall matrix takes a longer step, so that its outputs change as much as those of a square matrix.
    return (x.T if tall else x) * max(1, rows / columns) ** 0.5


class Muon(torch.optim.Optimizer):
    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        stacked_row_counts: Mapping[tuple[int, int], Sequence[int]],
        momentum: float = 0.95,
        decay: float = 0.05,
    ) -> None:
        """stacked_row_counts has the shapes that are stacks of matrices; each matrix of a stack is made orthogonal separately."""
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})
        self.stacked_row_counts = stacked_row_counts

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            lr, momentum, decay = group["lr"], group["momentum"], group["decay"]
            for parameter in group["params"]:
                average = self.state[parameter].setdefault("m", torch.zeros_like(parameter))
                average.mul_(momentum).add_(parameter.grad)
                nesterov = parameter.grad.add(average, alpha=momentum)
                matrices = nesterov.split(self.stacked_row_counts.get(tuple(parameter.shape), parameter.shape[0]))
                update = torch.cat([orthogonalise(matrix) for matrix in matrices])
                parameter.mul_(1 - lr * decay).add_(update, alpha=-lr)
