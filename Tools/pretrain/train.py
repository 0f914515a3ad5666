#!/usr/bin/env python3
"""Trains the base decoder: a small causal Llama on the token files that prepare.py wrote.

The budget is wall-clock time, because the machine is what is given: the learning rate warms up,
stays, and decays to zero over the last fifth of `--minutes` (warmup-stable-decay). Matrices
inside the blocks are trained with Muon, everything else with AdamW. bf16 autocast; a GPU is used
where there is one.

A checkpoint (OUT/checkpoint.pt, written beside itself and renamed) is taken every
`--checkpoint-minutes`; running the same command again resumes from it, time already spent
included. At the end OUT/model holds a Hugging Face directory with bf16 weights.

With --initial the shape and the first values are those of a model directory (words.py).

Usage: train.py --out runs/pretrain --minutes 120 [--initial runs/pretrain/initial] [--hidden 256 --layers 8 …]
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time in all, resumed runs included")
    parser.add_argument("--initial", type=Path)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--key-value-heads", type=int, default=2)
    parser.add_argument("--intermediate", type=int, default=768)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--batch", type=int, default=24, help="sequences of `context` tokens a step")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.1, help="decoupled weight decay of the matrices")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--checkpoint-minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def schedule(fraction: float, step: int) -> float:
    warmup = min(1.0, (step + 1) / 100)
    return warmup * (1.0 if fraction < 0.8 else max(0.0, (1.0 - fraction) / 0.2))


def batch(tokens, context, size, generator):
    starts = torch.randint(0, len(tokens) - context - 1, (size,), generator=generator).tolist()
    rows = np.stack([tokens[s : s + context + 1] for s in starts]).astype(np.int64)
    return torch.from_numpy(rows)


@torch.no_grad()
def validation_loss(model, tokens, context, device, batches=20):
    model.eval()
    generator = torch.Generator().manual_seed(0)
    losses = [loss_of(model, batch(tokens, context, 16, generator).to(device)).item() for _ in range(batches)]
    model.train()
    return sum(losses) / len(losses)


def loss_of(model, rows):
    with torch.autocast(rows.device.type, dtype=torch.bfloat16):
        logits = model(input_ids=rows[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), rows[:, 1:].flatten())


def save(path, value):
    temporary = path.with_suffix(".tmp")
    torch.save(value, temporary)
    os.replace(temporary, path)


def main():
    arguments = parse()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    counts = json.loads((arguments.out / "prepare.json").read_text())
    train = np.memmap(arguments.out / "train.bin", dtype="<u2", mode="r")
    validation = np.memmap(arguments.out / "validation.bin", dtype="<u2", mode="r")

    config = LlamaConfig(
        vocab_size=counts["vocabulary"],
        hidden_size=arguments.hidden,
        intermediate_size=arguments.intermediate,
        num_hidden_layers=arguments.layers,
        num_attention_heads=arguments.heads,
        num_key_value_heads=arguments.key_value_heads,
        max_position_embeddings=512,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        attn_implementation="sdpa",
    )
    if arguments.initial:
        model = LlamaForCausalLM.from_pretrained(arguments.initial, dtype=torch.float32, attn_implementation="sdpa")
    else:
        model = LlamaForCausalLM(config)
    model.to(device)
    model.train()
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if not (p.ndim == 2 and "embed" not in n)]
    optimizers = [
        torch.optim.Muon(matrices, lr=arguments.rate, weight_decay=arguments.decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=arguments.rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]

    generator = torch.Generator().manual_seed(arguments.seed)
    step, spent = 0, 0.0
    checkpoint = arguments.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, value in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(value)
        generator.set_state(state["generator"].cpu())
        step, spent = state["step"], state["spent"]
        print(f"resumed at step {step}, {spent / 60:.1f} minutes spent", flush=True)

    def keep():
        save(
            checkpoint,
            {
                "model": model.state_dict(),
                "optimizers": [o.state_dict() for o in optimizers],
                "generator": generator.get_state(),
                "step": step,
                "spent": spent,
            },
        )

    budget, last_checkpoint = arguments.minutes * 60, time.monotonic()
    log = open(arguments.out / "log.jsonl", "a", buffering=1)
    smoothed, since, tokens_since = None, time.monotonic(), 0
    while spent < budget:
        started = time.monotonic()
        factor = schedule(spent / budget, step)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = arguments.rate * factor
        rows = batch(train, arguments.context, arguments.batch, generator).to(device)
        loss = loss_of(model, rows)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        value = loss.item()
        if not math.isfinite(value):
            raise SystemExit(f"the loss is {value} at step {step}; the last checkpoint is kept")
        smoothed = value if smoothed is None else 0.98 * smoothed + 0.02 * value
        step += 1
        tokens_since += rows.numel()
        spent += time.monotonic() - started
        if step % 20 == 0:
            now = time.monotonic()
            record = {
                "step": step,
                "minutes": round(spent / 60, 2),
                "loss": round(smoothed, 4),
                "rate": arguments.rate * factor,
                "norm": round(norm, 3),
                "tokens_per_second": round(tokens_since / (now - since)),
            }
            since, tokens_since = now, 0
            if step % 500 == 0:
                record["validation_loss"] = round(validation_loss(model, validation, arguments.context, device), 4)
            log.write(json.dumps(record) + "\n")
        if time.monotonic() - last_checkpoint > arguments.checkpoint_minutes * 60:
            keep()
            last_checkpoint = time.monotonic()
    keep()

    final = validation_loss(model, validation, arguments.context, device, batches=100)
    log.write(json.dumps({"step": step, "final_validation_loss": round(final, 4)}) + "\n")
    directory = arguments.out / "model"
    model.to(torch.bfloat16).save_pretrained(directory)
    (directory / "llm2vec_config.json").write_text(
        json.dumps({"pooling_mode": "mean", "max_length": 512, "attention": "causal"}, indent=2) + "\n"
    )
    print(f"step {step}, validation loss {final:.4f}, written to {directory}", flush=True)


if __name__ == "__main__":
    main()
