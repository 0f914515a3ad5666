#!/usr/bin/env python3
"""Makes the fixtures of FamilyTests: tiny random models of each family, and the hidden states that transformers gives.

Attention both ways comes from a mask of zeros: every position sees every other, in layers that slide those within the
window on either side. Weights are rounded to the type that they are stored in before anything is computed.

Usage: families_goldens.py   (needs torch, transformers; written with torch 2.12 and transformers 4.57)
"""

import json
from pathlib import Path

import torch
import transformers as hf

FIXTURES = Path(__file__).parent.parent.parent / "Tests/KindredEncoderTests/Fixtures/families"
SIZES = dict(
    vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2,
    max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)
GROUPED = dict(SIZES, num_attention_heads=4, num_key_value_heads=2)
LENGTHS = [1, 5, 12]
WINDOW = 4


def models():
    llama = dict(GROUPED, rms_norm_eps=1e-5, rope_theta=500.0)
    yield "llama-linear", hf.LlamaConfig(**llama, rope_scaling={"rope_type": "linear", "factor": 2.0}), torch.float16
    yield "llama-dynamic", hf.LlamaConfig(**llama, rope_scaling={"rope_type": "dynamic", "factor": 4.0}), torch.bfloat16
    yield "llama-yarn", hf.LlamaConfig(**llama, rope_scaling={
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8}), torch.bfloat16
    yield "llama-untied", hf.LlamaConfig(**llama, tie_word_embeddings=False, attention_bias=True), torch.bfloat16
    yield "mistral-window", hf.MistralConfig(**GROUPED, sliding_window=WINDOW), torch.bfloat16
    yield "qwen2-window", hf.Qwen2Config(
        **GROUPED, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1), torch.bfloat16
    yield "qwen3", hf.Qwen3Config(**GROUPED, head_dim=6), torch.float32
    yield "smollm3", hf.SmolLM3Config(**GROUPED, no_rope_layers=[1, 0, 1]), torch.bfloat16
    yield "gemma", hf.GemmaConfig(**GROUPED, head_dim=8), torch.bfloat16
    yield "gemma2", hf.Gemma2Config(
        **GROUPED, head_dim=8, sliding_window=WINDOW, query_pre_attn_scalar=8, attn_logit_softcapping=2.0), torch.bfloat16
    yield "gemma3", hf.Gemma3TextConfig(
        **GROUPED, head_dim=8, sliding_window=WINDOW, query_pre_attn_scalar=24, rope_theta=5000.0,
        rope_local_base_freq=100.0, layer_types=["sliding_attention", "full_attention", "sliding_attention"]), torch.bfloat16
    yield "phi3", hf.Phi3Config(
        **dict(GROUPED, hidden_size=32), partial_rotary_factor=0.75, original_max_position_embeddings=16,
        rope_scaling={"type": "longrope", "short_factor": [1.0, 1.5, 2.0], "long_factor": [2.0, 3.0, 4.0]}), torch.bfloat16
    yield "gpt2", hf.GPT2Config(
        vocab_size=64, n_embd=16, n_layer=3, n_head=2, n_positions=32, bos_token_id=1, eos_token_id=2), torch.float32
    yield "gpt_neox", hf.GPTNeoXConfig(**SIZES, rotary_pct=0.5), torch.float16
    yield "gpt_neox-serial", hf.GPTNeoXConfig(
        **SIZES, rotary_pct=1.0, use_parallel_residual=False, hidden_act="gelu_new"), torch.float16
    yield "bert", hf.BertConfig(**SIZES), torch.float32
    yield "roberta", hf.RobertaConfig(**dict(SIZES, pad_token_id=1), type_vocab_size=1), torch.float32
    yield "distilbert", hf.DistilBertConfig(
        vocab_size=64, dim=16, hidden_dim=24, n_layers=3, n_heads=2, max_position_embeddings=32), torch.float32


def is_encoder(config):
    return config.model_type in ("bert", "roberta", "distilbert")


def masks(config, count):
    """Masks of zeros for attention both ways, by the type of layer."""
    full = torch.zeros(1, 1, count, count)
    places = torch.arange(count)
    far = (places[:, None] - places[None, :]).abs() >= WINDOW
    sliding = full.masked_fill(far, torch.finfo(torch.float32).min)
    types = getattr(config, "layer_types", None)
    if types and "sliding_attention" in types:
        return {"full_attention": full, "sliding_attention": sliding}
    return sliding if config.model_type == "mistral" else full


def rows(output):
    return [[round(value, 6) for value in row] for row in output.last_hidden_state[0].tolist()]


@torch.no_grad()
def main():
    for name, config, dtype in models():
        torch.manual_seed(11)
        # GPT-2 adds its own causal mask to the one it is given, except with "sdpa".
        attention = "sdpa" if name == "gpt2" else "eager"
        model = hf.AutoModel.from_config(config, attn_implementation=attention).eval()
        for parameter in model.parameters():
            # Norms and biases too: a weight of 1 or 0 would hide that it is not used.
            parameter.add_(torch.randn_like(parameter) * 0.15)
            parameter.copy_(parameter.to(dtype).float())
        directory = FIXTURES / name
        goldens = []
        for length in LENGTHS:
            ids = torch.randint(3, 64, (1, length))
            entry = {"ids": ids[0].tolist()}
            if not is_encoder(config):
                entry["causal"] = rows(model(input_ids=ids))
            mask = torch.ones(1, length) if is_encoder(config) else masks(config, length)
            entry["bidirectional"] = rows(model(input_ids=ids, attention_mask=mask))
            goldens.append(entry)
        text = json.dumps(goldens, separators=(",", ":"))
        # Converting rounds tables of positions too, so it comes last.
        model.to(dtype).save_pretrained(directory)
        (directory / "generation_config.json").unlink(missing_ok=True)
        (directory / "goldens.json").write_text(text + "\n")
        size = sum(file.stat().st_size for file in directory.iterdir())
        print(f"{name}: {size} bytes")


if __name__ == "__main__":
    main()
