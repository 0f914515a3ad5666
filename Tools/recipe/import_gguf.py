#!/usr/bin/env python3
"""Converts a Llama GGUF file to Hugging Face's layout: config.json, model.safetensors (fp32), tokenizer.json.

GGUF interleaves the rotary dimensions of queries and keys; the script restores their order (llama.cpp,
convert_hf_to_gguf.py, `LlamaModel.permute`). --uncased adds a normalizer, so that a word is one token wherever it stands: it
removes accents and quotation marks, lower-cases letters, and puts a space before the first word of a text, of a line and of
each part of a compound. A text then begins with the model's first token, an attention sink.

Usage: import_gguf.py FILE.gguf --out DIR [--uncased]
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--uncased", action="store_true")
    return parser.parse_args()


def unpermuted(weights, heads):
    """Rows of each head: (even, odd) of every pair → first half, second half."""
    rows = weights.shape[0]
    return weights.reshape(heads, rows // heads // 2, 2, -1).swapaxes(1, 2).reshape(weights.shape)


def tokenizer(tokens, merges, types, uncased, first):
    special = {token for token, kind in zip(tokens, types) if kind == gguf.TokenType.CONTROL}
    built = Tokenizer(models.BPE(
        vocab={token: index for index, token in enumerate(tokens)}, merges=[tuple(merge.split(" ")) for merge in merges]))
    if uncased:
        spaced = [normalizers.Replace(mark, mark + " ") for mark in ["\n", "(", "-", "/"]]
        quotes = [normalizers.Replace(mark, "") for mark in ['"', "\u201c", "\u201d"]]
        built.normalizer = normalizers.Sequence(
            [normalizers.NFD(), normalizers.StripAccents(), normalizers.NFKC(), normalizers.Lowercase(), *quotes, *spaced])
        # No token of two digits exists, so that single digits need no step of their own.
        assert not any(sum(c.isdigit() for c in token) > 1 or token[:1] == "Ġ" and token[1:2].isdigit()
                       for token in tokens if token not in special)
        built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        built.post_processor = processors.TemplateProcessing(
            single=f"{first} $A", pair=f"{first} $A {first} $B", special_tokens=[(first, tokens.index(first))])
    else:
        built.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    built.decoder = decoders.ByteLevel()
    built.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens if token in special])
    return built


def main():
    arguments = parse()
    reader = gguf.GGUFReader(arguments.file)
    field = lambda name: reader.fields[name].contents()  # noqa: E731
    if field("general.architecture") != "llama" or field("tokenizer.ggml.model") != "gpt2":
        raise SystemExit(f"{arguments.file}: not a Llama with a byte-level BPE vocabulary")
    heads, shared = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    tokens, types = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    weights = {}
    for tensor in reader.tensors:
        values = np.ascontiguousarray(gguf.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        if tensor.name == "token_embd.weight":
            name = "model.embed_tokens.weight"
        elif tensor.name == "output_norm.weight":
            name = "model.norm.weight"
        else:
            _, layer, part, _ = tensor.name.split(".")
            name = f"model.layers.{layer}.{NAMES[part]}.weight"
            if part in ("attn_q", "attn_k"):
                values = np.ascontiguousarray(unpermuted(values, heads if part == "attn_q" else shared))
        weights[name] = values
    arguments.out.mkdir(parents=True, exist_ok=True)
    end = field("tokenizer.ggml.eos_token_id")
    configuration = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "dtype": "float32",
        "hidden_size": field("llama.embedding_length"), "intermediate_size": field("llama.feed_forward_length"),
        "num_hidden_layers": field("llama.block_count"), "num_attention_heads": heads, "num_key_value_heads": shared,
        "head_dim": field("llama.rope.dimension_count"), "rms_norm_eps": 1e-5, "rope_theta": field("llama.rope.freq_base"),
        "max_position_embeddings": field("llama.context_length"), "vocab_size": len(tokens), "tie_word_embeddings": True,
        "attention_bias": False, "mlp_bias": False, "bos_token_id": 0, "eos_token_id": end, "pad_token_id": end,
    }
    (arguments.out / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")
    tokenizer(tokens, field("tokenizer.ggml.merges"), types, arguments.uncased, tokens[0]).save(
        str(arguments.out / "tokenizer.json"), pretty=False)
    (arguments.out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": tokens[0], "eos_token": tokens[end],
        "pad_token": tokens[end], "mask_token": "_", "model_max_length": 512, "clean_up_tokenization_spaces": False,
    }, indent=2) + "\n")
    (arguments.out / "llm2vec_config.json").write_text(json.dumps(
        {"attention": "bidirectional", "max_length": 512, "pooling_mode": "mean"}, indent=2) + "\n")
    save_file(weights, arguments.out / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
