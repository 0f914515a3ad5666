#!/usr/bin/env python3
"""Makes the fixtures of AdapterFamilyTests: peft adapters on the tiny models of families_goldens.py, and the hidden states
that transformers and peft give.

Each adapter names its base by a path relative to itself, and holds goldens.json. Matrices are random and not zero, so
that everything that peft applies shows in the states.

Usage: adapters_goldens.py   (needs torch, transformers, peft; written with torch 2.15, transformers 4.57, peft 0.21)
"""

import json
from pathlib import Path

import peft
import torch
import transformers as hf

import families_goldens as families

FIXTURES = Path(__file__).parent.parent.parent / "Tests/KindredEncoderTests/Fixtures/adapters"
LENGTHS = [1, 7]


def adapters():
    """Name, base, whether the base has its head, fields of the adapter."""
    yield "patterns", "qwen3", True, dict(
        r=2, lora_alpha=5, use_rslora=True, target_modules=r".*\.(q_proj|v_proj|down_proj)",
        rank_pattern={"down_proj": 3, r"layers\.1\.self_attn\.q_proj": 4}, alpha_pattern={"v_proj": 9, "model.layers.2.mlp.down_proj": 1})
    yield "dora", "qwen3", False, dict(r=2, lora_alpha=4, use_dora=True, target_modules="all-linear")
    yield "fused", "phi3", False, dict(r=2, lora_alpha=4, target_modules="all-linear")
    yield "transposed", "gpt2", False, dict(
        r=2, lora_alpha=4, use_dora=True, fan_in_fan_out=True, target_modules=["c_attn", "c_fc", "c_proj"])
    yield "by-head", "gpt_neox", False, dict(
        r=2, lora_alpha=4, target_modules=["query_key_value", "dense"], bias="all")
    yield "saved", "llama-untied", True, dict(
        r=2, lora_alpha=4, target_modules=["k_proj", "o_proj"], layers_to_transform=[0, 2],
        modules_to_save=["embed_tokens", "norm", "lm_head"], bias="all")
    yield "encoder", "bert", False, dict(r=2, lora_alpha=4, target_modules=["query", "dense"], exclude_modules=["pooler.dense"])
    yield "stacked", "../adapters/dora", False, dict(r=3, lora_alpha=2, use_dora=True, target_modules=["gate_proj", "k_proj"])


def fill(model):
    """Random values for all that is trained."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_magnitude_vector" in name:
                parameter.mul_(1 + 0.3 * torch.rand_like(parameter))
            elif "lora_" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
            elif parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)


def load(base, with_head):
    path = families.FIXTURES / base
    kind = hf.AutoModelForCausalLM if with_head else hf.AutoModel
    attention = "sdpa" if base == "gpt2" else "eager"
    if (path / "adapter_config.json").exists():
        inner = json.loads((path / "adapter_config.json").read_text())["base_model_name_or_path"]
        model = kind.from_pretrained((path / inner).resolve(), dtype=torch.float32, attn_implementation=attention)
        return peft.PeftModel.from_pretrained(model, path).merge_and_unload()
    return kind.from_pretrained(path, dtype=torch.float32, attn_implementation=attention)


@torch.no_grad()
def states(model, **inputs):
    output = model(**inputs, output_hidden_states=True)
    last = output.last_hidden_state if hasattr(output, "last_hidden_state") else output.hidden_states[-1]
    return [[round(value, 6) for value in row] for row in last[0].tolist()]


def main():
    for name, base, with_head, fields in adapters():
        torch.manual_seed(13)
        model = peft.get_peft_model(load(base, with_head), peft.LoraConfig(**fields)).eval()
        fill(model)
        goldens = []
        config = model.get_base_model().config
        for length in LENGTHS:
            ids = torch.randint(3, 64, (1, length))
            entry = {"ids": ids[0].tolist()}
            if not families.is_encoder(config):
                entry["causal"] = states(model, input_ids=ids)
            mask = torch.ones(1, length) if families.is_encoder(config) else families.masks(config, length)
            entry["bidirectional"] = states(model, input_ids=ids, attention_mask=mask)
            goldens.append(entry)
        directory = FIXTURES / name
        model.save_pretrained(directory)
        (directory / "README.md").unlink()
        file = directory / "adapter_config.json"
        settings = json.loads(file.read_text())
        settings["base_model_name_or_path"] = f"../../families/{base}" if "/" not in base else "../dora"
        file.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
        (directory / "goldens.json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
        print(f"{name}: {sum(file.stat().st_size for file in directory.iterdir())} bytes")


if __name__ == "__main__":
    main()
