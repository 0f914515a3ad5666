#!/usr/bin/env python3
"""Makes the fixtures of the GGUF tests: small models of families_goldens.py as llama.cpp's converter would write them, and
blocks of every type with the numbers that they hold.

Usage: gguf_goldens.py   (after families_goldens.py; needs gguf, numpy, safetensors, torch;
written with gguf 0.19.0)
"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file

TESTS = Path(__file__).parent.parent.parent / "Tests"
FAMILIES = TESTS / "KindredEncoderTests/Fixtures/families"
OUT = TESTS / "KindredEncoderTests/Fixtures/gguf"
BLOCKS = TESTS / "KindredTensorsTests/Fixtures/blocks.json"
TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]


def permuted(rows, heads):
    """The rows of a query or key projection for llama.cpp's rotation of neighbours."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def common(writer, config, tensors):
    heads = config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads", heads))


LLAMA = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj"}


def llama(writer, config, tensors):
    common(writer, config, tensors)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(config["rope_scaling"]["factor"])
    for name, value in rope_names(tensors):
        heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
        part = name.split(".")[2] if name.startswith("blk") else ""
        yield name, permuted(value, heads[part]) if part in heads else value


def rope_names(tensors):
    names = {
        "embed_tokens": "token_embd", "norm": "output_norm", "input_layernorm": "attn_norm",
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "post_attention_layernorm": "ffn_norm",
    }
    for name, value in tensors.items():
        yield renamed(name, names), value


def renamed(name, names, layers="layers"):
    module, kind = name.rsplit(".", 1)
    if module.startswith(layers + "."):
        _, layer, module = module.split(".", 2)
        return f"blk.{layer}.{names[module]}.{kind}"
    return f"{names[module]}.{kind}"


def gemma2(writer, config, tensors):
    common(writer, config, tensors)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_key_length(config["head_dim"])
    writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
    writer.add_sliding_window(config["sliding_window"])
    names = {
        "embed_tokens": "token_embd", "norm": "output_norm", "input_layernorm": "attn_norm",
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "post_attention_layernorm": "post_attention_norm",
        "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
    }
    for name, value in tensors.items():
        yield renamed(name, names), value + 1 if "norm" in name else value


def gpt2(writer, config, tensors):
    common(writer, {
        "num_attention_heads": config["n_head"], "max_position_embeddings": config["n_positions"],
        "hidden_size": config["n_embd"], "num_hidden_layers": config["n_layer"],
        "intermediate_size": 4 * config["n_embd"],
    }, tensors)
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    names = {
        "wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm", "ln_1": "attn_norm", "ln_2": "ffn_norm",
        "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
    }
    for name, value in tensors.items():
        linear = ".c_" in name and value.ndim == 2
        yield renamed(name, names, "h"), np.ascontiguousarray(value.T) if linear else value


def gptneox(writer, config, tensors):
    common(writer, config, tensors)
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_rope_freq_base(config["rotary_emb_base"])
    heads = config["num_attention_heads"]
    writer.add_rope_dimension_count(int(config["rotary_pct"] * config["hidden_size"] / heads))
    writer.add_parallel_residual(config["use_parallel_residual"])
    names = {
        "embed_in": "token_embd", "final_layer_norm": "output_norm", "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm", "attention.query_key_value": "attn_qkv",
        "attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
    }
    for name, value in tensors.items():
        if "query_key_value" in name:
            parts = value.reshape(heads, 3, -1, *value.shape[1:])
            value = np.concatenate([parts[:, part].reshape(-1, *value.shape[1:]) for part in range(3)])
        yield renamed(name, names), value


def bert(writer, config, tensors):
    common(writer, config, tensors)
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    names = {
        "embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
        "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
        "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
        "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
        "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
    }
    for name, value in tensors.items():
        if not name.startswith("pooler."):
            yield renamed(name.replace("encoder.layer.", "layers."), names), value


def write_tokenizer(writer, kind):
    if kind == "bert":
        writer.add_tokenizer_model("bert")
        tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁the", "▁tide", "▁is", "▁a", "s", "▁,", "ing", "▁sing"]
        writer.add_token_list(tokens)
        writer.add_token_types([3] * 4 + [1] * 8)
        writer.add_bos_token_id(2)
        writer.add_sep_token_id(3)
        writer.add_unk_token_id(1)
    elif kind == "gpt2":
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        tokens = ["<s>", "</s>", *"!\"#abcdefghijklmnopqrstuvwxyz0123456789Ġ", "th", "the", "Ġt", "Ġthe"]
        writer.add_token_list(tokens)
        writer.add_token_types([3, 3] + [1] * (len(tokens) - 2))
        writer.add_token_merges(["t h", "th e", "Ġ t", "Ġ the"])
        writer.add_bos_token_id(0)
        writer.add_eos_token_id(1)
        writer.add_add_bos_token(True)
    else:
        pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(0x61, 0x75)]
        words = ["▁", "t", "h", "e", "i", "d", "s", "g", "th", "he", "the", "▁the", "▁t", "▁ti", "id", "de", "ide", "▁tide", "▁is"]
        pieces += words
        writer.add_tokenizer_model("llama")
        writer.add_token_list(pieces)
        writer.add_token_scores([0.0] * 23 + [-float(n) for n in range(len(words))])
        writer.add_token_types([2, 3, 3] + [6] * 20 + [1] * len(words))
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)


MODELS = [
    ("llama", "llama-linear", llama, gguf.GGMLQuantizationType.F16, "llama"),
    ("gemma2", "gemma2", gemma2, gguf.GGMLQuantizationType.BF16, "llama"),
    ("gpt2", "gpt2", gpt2, gguf.GGMLQuantizationType.F32, "gpt2"),
    ("gptneox", "gpt_neox", gptneox, gguf.GGMLQuantizationType.F16, "gpt2"),
    ("bert", "bert", bert, gguf.GGMLQuantizationType.F32, "bert"),
]


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for architecture, family, convert, type, tokenizer in MODELS:
        config = json.loads((FAMILIES / family / "config.json").read_text())
        tensors = {name: value.to(torch.float32).numpy() for name, value in load_file(FAMILIES / family / "model.safetensors").items()}
        tensors = {name.removeprefix("transformer."): value for name, value in tensors.items()}
        writer = gguf.GGUFWriter(OUT / f"{architecture}.gguf", architecture)
        write_tokenizer(writer, tokenizer)
        for name, value in convert(writer, config, tensors):
            # Vectors stay floats, as the converter has it.
            kind = type if value.ndim > 1 else gguf.GGMLQuantizationType.F32
            writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(value), kind), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        print(architecture, (OUT / f"{architecture}.gguf").stat().st_size)

    BLOCKS.parent.mkdir(parents=True, exist_ok=True)
    blocks = {}
    for index, name in enumerate(TYPES):
        type = gguf.GGMLQuantizationType[name]
        size = gguf.GGML_QUANT_SIZES[type][1]
        random = np.random.default_rng(index)
        raw = random.integers(0, 256, (400, size), dtype=np.uint8)
        values = gguf.quants.dequantize(raw, type)
        # Scales are two random bytes: blocks of numbers that are neither huge nor tiny are kept.
        fits = np.isfinite(values).all(1) & (np.abs(values).max(1) < 1e4) & (np.abs(values).max(1) > 1e-3)
        raw, values = raw[fits][:2], values[fits][:2]
        blocks[name] = {"bytes": base64.b64encode(raw.tobytes()).decode(), "values": values.reshape(-1).tolist()}
    BLOCKS.write_text(json.dumps(blocks, separators=(",", ":")) + "\n")
    print("blocks", BLOCKS.stat().st_size)


if __name__ == "__main__":
    main()
