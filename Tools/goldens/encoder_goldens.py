#!/usr/bin/env python3
"""Makes the fixtures of KindredEncoderTests: tiny random decoders, and what transformers makes of some texts.

Causal hidden states are the model's own. Bidirectional ones come from the same weights with a 4-D attention mask of
zeros (every position sees every other), which the script proves by changing the last token and looking at the first
hidden state. Pooling is LLM2Vec's: over the text's own tokens.

Usage: encoder_goldens.py   (needs torch, transformers; written with torch 2.15.0 and transformers 5.23.0)
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config
from tokenizers import Tokenizer

HERE = Path(__file__).parent
FIXTURES = HERE.parent.parent / "Tests/KindredEncoderTests/Fixtures"
TOKENIZER = HERE.parent.parent / "Tests/KindredTokenizersTests/Fixtures/llama3.json"
TEXTS = [
    "Photosynthesis", "The queen of the hive", "A much longer passage, with commas; and a second sentence. And a third one!",
    "日本語", "x", "",
]
SHAPE = dict(
    vocab_size=800, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=True,
    bos_token_id=0, eos_token_id=1,
)


def models():
    yield "llama", LlamaConfig(**SHAPE)
    yield "llama-scaled", LlamaConfig(
        **SHAPE, attention_bias=True, rope_parameters={
            "rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        },
    )
    yield "mistral", MistralConfig(**SHAPE, sliding_window=None)
    yield "qwen2", Qwen2Config(**SHAPE)
    yield "qwen3", Qwen3Config(**SHAPE, head_dim=12)


def states(model, ids, bidirectional):
    tokens = torch.tensor([ids])
    if not bidirectional:
        return model(input_ids=tokens).last_hidden_state[0]
    mask = torch.zeros(1, 1, len(ids), len(ids))
    return model(input_ids=tokens, attention_mask=mask).last_hidden_state[0]


def pool(hidden, mode):
    own = hidden[1:] if len(hidden) > 1 else hidden
    if mode == "mean":
        vector = own.mean(0)
    elif mode == "weighted_mean":
        weights = torch.arange(1, len(own) + 1, dtype=torch.float32)
        vector = (own * (weights / weights.sum())[:, None]).sum(0)
    elif mode == "last_token":
        vector = hidden[-1]
    else:
        vector = hidden[0]
    return torch.nn.functional.normalize(vector, dim=0).tolist()


@torch.no_grad()
def main():
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    (FIXTURES / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())
    for name, config in models():
        torch.manual_seed(7)
        config._attn_implementation = "eager"
        whole = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        for parameter in whole.parameters():
            # Norms and biases too: a weight of 1 or 0 would hide that it is not used.
            parameter.add_(torch.randn_like(parameter) * 0.1)
        directory = FIXTURES / name
        whole.save_pretrained(directory)
        (directory / "generation_config.json").unlink(missing_ok=True)
        model = whole.model
        ids = tokenizer.encode(TEXTS[2]).ids
        changed = ids[:-1] + [(ids[-1] + 1) % 800]
        assert torch.equal(states(model, ids, False)[0], states(model, changed, False)[0])
        assert not torch.allclose(states(model, ids, True)[0], states(model, changed, True)[0])
        goldens = []
        for text in TEXTS:
            ids = tokenizer.encode(text).ids
            entry = {"text": text, "ids": ids}
            for attention in ["causal", "bidirectional"]:
                hidden = states(model, ids, attention == "bidirectional")
                entry[attention] = {"hidden": hidden.tolist()}
                for mode in ["mean", "weighted_mean", "last_token", "bos_token"]:
                    entry[attention][mode] = pool(hidden, mode)
                ended = states(model, ids + [1], attention == "bidirectional")
                entry[attention]["eos_token"] = pool(ended, "last_token")
            goldens.append(entry)
        (directory / "goldens.json").write_text(
            json.dumps(goldens, separators=(",", ":"), default=float) + "\n"
        )


if __name__ == "__main__":
    main()
