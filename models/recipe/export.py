"""Step 3: converts the checkpoint and the tokenizer to one GGUF file.

Reads   DATA_DIR/ckpt.pt    from train.py
        DATA_DIR/tok.model  from prepare.py
Writes  OUT.gguf            matrices in F16, norms in F32, the vocabulary and the chat template in the header
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from steps import (
    ASSISTANT_PIECE,
    BOS_ID,
    CHECKPOINT_FILE,
    EOS_ID,
    TOKENIZER_FILE,
    UNKNOWN_ID,
    USER_PIECE,
    ModelConfig,
    RecipeError,
    require_file,
    run_step,
)

if TYPE_CHECKING:
    from gguf import GGUFWriter, TokenType
    from sentencepiece import SentencePieceProcessor
    from torch import Tensor

ARCHITECTURE = "llama"
NAME = "Waggle Tiny Stories"
AUTHOR = "Waggle"
LICENCE = "apache-2.0"
LANGUAGES = ["en"]
DESCRIPTION = "A very small story teller, trained from scratch on TinyStories; the model that ships with Waggle."

# A conversation must look like the training data: documents that begin with BOS and end with EOS. So BOS is before
# every message that is not the assistant's, also before a system message.
CHAT_TEMPLATE = (
    "{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}" + ASSISTANT_PIECE + "{{ m['content'] }}{{ eos_token }}"
    "{% else %}{{ bos_token }}" + USER_PIECE + "{{ m['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}" + ASSISTANT_PIECE + "{% endif %}"
)

SECONDS_PER_MINUTE = 60


def token_type(tokenizer: SentencePieceProcessor, token: int) -> TokenType:
    from gguf import TokenType

    if tokenizer.is_unknown(token):
        return TokenType.UNKNOWN
    if tokenizer.is_byte(token):
        return TokenType.BYTE
    if tokenizer.is_control(token) or tokenizer.id_to_piece(token) in (USER_PIECE, ASSISTANT_PIECE):
        return TokenType.CONTROL
    # The line break is a normal token too, because it is part of the text of a story.
    return TokenType.NORMAL


def write_shape(writer: GGUFWriter, config: ModelConfig) -> None:
    import gguf

    writer.add_name(NAME)
    writer.add_author(AUTHOR)
    writer.add_license(LICENCE)
    writer.add_languages(LANGUAGES)
    writer.add_description(DESCRIPTION)
    writer.add_context_length(config.ctx)
    writer.add_embedding_length(config.dim)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.ffn)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_layer_norm_rms_eps(config.eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.theta)
    writer.add_vocab_size(config.vocab)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def write_vocabulary(writer: GGUFWriter, tokenizer: SentencePieceProcessor) -> None:
    tokens = range(tokenizer.get_piece_size())
    # GGUF calls a SentencePiece vocabulary with scores "llama".
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([tokenizer.id_to_piece(token).encode() for token in tokens])
    writer.add_token_scores([tokenizer.get_score(token) for token in tokens])
    writer.add_token_types([int(token_type(tokenizer, token)) for token in tokens])
    writer.add_bos_token_id(BOS_ID)
    writer.add_eos_token_id(EOS_ID)
    writer.add_unk_token_id(UNKNOWN_ID)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)
    writer.add_chat_template(CHAT_TEMPLATE)


def write_tensors(writer: GGUFWriter, config: ModelConfig, weights: dict[str, Tensor]) -> None:
    """Adds every tensor with llama.cpp's name for it. Matrices that the model stacks into one are separate in the file.

    The file has no output matrix, so llama.cpp uses the embedding instead.
    """
    import numpy as np

    def add_matrix(name: str, tensor: Tensor) -> None:
        writer.add_tensor(name, tensor.float().numpy().astype(np.float16))

    # A norm has 128 numbers, so F16 would save nothing, and llama.cpp computes with norms in F32.
    def add_norm(name: str, tensor: Tensor) -> None:
        writer.add_tensor(name, tensor.float().numpy().astype(np.float32))

    add_matrix("token_embd.weight", weights["embed.weight"])
    add_norm("output_norm.weight", weights["norm.weight"])
    for layer in range(config.layers):
        source, target = f"blocks.{layer}.", f"blk.{layer}."
        q, k, v = weights[source + "qkv.weight"].split((config.dim, config.kv_dim, config.kv_dim))
        gate, up = weights[source + "gate_up.weight"].chunk(2)
        add_matrix(target + "attn_q.weight", q)
        add_matrix(target + "attn_k.weight", k)
        add_matrix(target + "attn_v.weight", v)
        add_matrix(target + "attn_output.weight", weights[source + "o.weight"])
        add_matrix(target + "ffn_gate.weight", gate)
        add_matrix(target + "ffn_up.weight", up)
        add_matrix(target + "ffn_down.weight", weights[source + "down.weight"])
        add_norm(target + "attn_norm.weight", weights[source + "attn_norm.weight"])
        add_norm(target + "ffn_norm.weight", weights[source + "ffn_norm.weight"])


def export(data_dir: Path, out: Path) -> None:
    checkpoint_path = require_file(data_dir / CHECKPOINT_FILE, "export the model", "Run train.py first.")
    tokenizer_path = require_file(data_dir / TOKENIZER_FILE, "export the model", "Run prepare.py first.")

    import gguf
    import sentencepiece
    import torch

    checkpoint = torch.load(checkpoint_path, map_location="cpu")
    config = ModelConfig(**checkpoint["config"])
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer_path))
    if tokenizer.get_piece_size() != config.vocab:
        raise RecipeError(
            f"Cannot export the model: {tokenizer_path} has {tokenizer.get_piece_size()} pieces and {checkpoint_path} "
            f"{config.vocab}. They come from different runs."
        )

    out.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(str(out), ARCHITECTURE)
    write_shape(writer, config)
    write_vocabulary(writer, tokenizer)
    write_tensors(writer, config, checkpoint["model"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    minutes = round(checkpoint["seconds"] / SECONDS_PER_MINUTE)
    print(f"{out}: {out.stat().st_size:,} bytes, trained for {minutes} minutes, {checkpoint['step']:,} steps")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Step 3: write the trained model and its tokenizer as a GGUF file.")
    parser.add_argument("data_dir", metavar="DATA_DIR", type=Path, help="the data folder that prepare.py and train.py filled")
    parser.add_argument("out", metavar="OUT.gguf", type=Path, help="the file to write; an existing file is replaced")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    export(args.data_dir, args.out)


if __name__ == "__main__":
    run_step(main)
