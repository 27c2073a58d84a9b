"""The network: a llama in plain PyTorch.

It computes what llama.cpp computes for the architecture `llama`: RMS norm before attention and before the
feed-forward, rotary positions on adjacent pairs, grouped-query attention, a SwiGLU feed-forward, and the embedding
as the output matrix. export.py finds the network's parameters in a checkpoint by their names.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steps import ModelConfig

INITIAL_STD = 0.02
# These two matrices write into the residual stream, each once per layer.
RESIDUAL_MATRICES = ("o.weight", "down.weight")


def stacked_row_counts(config: ModelConfig) -> dict[tuple[int, int], tuple[int, ...]]:
    """Returns the shape of each matrix that is a stack of several, with the numbers of rows of its parts."""
    return {
        (config.dim + 2 * config.kv_dim, config.dim): (config.dim, config.kv_dim, config.kv_dim),
        (2 * config.ffn, config.dim): (config.ffn, config.ffn),
    }


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Applies rotary positions. Adjacent values form a pair, as llama.cpp expects of a llama; other code rotates halves."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


class Block(nn.Module):
    """One layer. Query, key and value are one matrix, and so are gate and up, because larger products are faster on a CPU."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.attn_norm = RMSNorm(config.dim, config.eps)
        self.ffn_norm = RMSNorm(config.dim, config.eps)
        self.qkv = nn.Linear(config.dim, config.dim + 2 * config.kv_dim, bias=False)
        self.o = nn.Linear(config.dim, config.dim, bias=False)
        self.gate_up = nn.Linear(config.dim, 2 * config.ffn, bias=False)
        self.down = nn.Linear(config.ffn, config.dim, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attend(self.attn_norm(x), cos, sin, mask)
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)

    def attend(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        c = self.config
        batch, length, dim = x.shape
        group = c.heads // c.kv_heads
        q, k, v = self.qkv(x).split((dim, c.kv_dim, c.kv_dim), -1)
        q = rotate(q.view(batch, length, c.heads, c.head_dim).transpose(1, 2), cos, sin) * c.head_dim**-0.5
        k = rotate(k.view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2), cos, sin)
        v = v.view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        # The query heads that share a key-value head are joined, so that one product computes all of them.
        q = q.reshape(batch * c.kv_heads, group * length, c.head_dim)
        k = k.reshape(batch * c.kv_heads, length, c.head_dim)
        v = v.reshape(batch * c.kv_heads, length, c.head_dim)
        scores = (q @ k.transpose(1, 2)).view(-1, group, length, length)
        weights = scores.add_(mask).softmax(-1).view(-1, group * length, length)
        heads = (weights @ v).view(batch, c.heads, length, c.head_dim)
        return self.o(heads.transpose(1, 2).reshape(batch, length, dim))


class Llama(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed = nn.Embedding(config.vocab, config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.dim, config.eps)

        pairs = torch.arange(0, config.head_dim, 2).float() / config.head_dim
        angles = torch.outer(torch.arange(config.ctx).float(), 1.0 / config.theta**pairs)
        future = torch.full((config.ctx, config.ctx), float("-inf")).triu(1)
        # The config determines these three, so a checkpoint need not contain them.
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.register_buffer("mask", future, persistent=False)

        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                # The outputs of 2 x layers of these matrices are added in the residual stream. The root keeps the variance of the sum.
                shrink = math.sqrt(2 * config.layers) if name.endswith(RESIDUAL_MATRICES) else 1
                nn.init.normal_(parameter, std=INITIAL_STD / shrink)

    def forward(self, tokens: Tensor) -> Tensor:
        """Returns the logits of the next token at every position."""
        length = tokens.shape[1]
        cos, sin, mask = self.cos[:length], self.sin[:length], self.mask[:length, :length]
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return self.norm(x) @ self.embed.weight.T
