#!/usr/bin/env python3
"""Training speed: kindred train against PyTorch, transformers and peft, same data, one run.

MNTP with LoRA r 16 on all linear layers over blocks of 512 tokens, and SimCSE over sentences of natural length, on two random
Llama decoders: the small shape (384 hidden, 12 layers) and the large one (576 hidden, 30 layers). Both sides use two threads;
rounds alternate, and the best of each side counts. Padding is not counted as tokens.

Usage: benchmark.py --text FILE.txt [--kindred .build/release/kindred] [--work runs/benchmark] [--rounds 2]
       [--shapes small,large] [--objectives mntp,simcse] [--peers fp32,bf16]
Needs torch, transformers and peft; written with 2.15.0, 5.23.0 and 0.21.2.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

SHAPES = {
    "small": dict(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, num_key_value_heads=2,
                  intermediate_size=1024, vocab_size=16_384),
    "large": dict(hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                  intermediate_size=1536, vocab_size=49_152),
}
BATCH = {"small": 8, "large": 4}
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ROOT = Path(__file__).resolve().parent.parent.parent


def make_tokenizer(text, path):
    """Byte-level BPE of 16,384 tokens, which both shapes embed."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if path.exists():
        return
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=16_384, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                                  special_tokens=["<s>", "</s>"], show_progress=False)
    with open(text, encoding="utf-8") as file:
        tokenizer.train_from_iterator((line for line, _ in zip(file, range(60_000))), trainer)
    tokenizer.save(str(path))


def make_model(name, directory, tokenizer):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    if (directory / "model.safetensors").exists():
        return
    torch.manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(**SHAPES[name], max_position_embeddings=512, tie_word_embeddings=True))
    model.save_pretrained(directory)
    shutil.copy(tokenizer, directory / "tokenizer.json")


def blocks(text, tokenizer, count):
    ids = []
    with open(text) as file:
        for line in file:
            if not line.startswith("<doc") and line.strip() != "</doc>":
                ids += tokenizer.encode(line.strip()).ids
            if len(ids) >= count * 512:
                break
    return [ids[i * 512 : (i + 1) * 512] for i in range(count)]


def sentences(text, count):
    found = []
    with open(text) as file:
        for line in file:
            for sentence in line.strip().split(". "):
                if 24 <= len(sentence) <= 300 and not sentence.startswith("<"):
                    found.append(sentence)
            if len(found) >= count:
                return found[:count]
    return found


def peer(arguments):
    """Measures the peer in a process of its own, so that the peak memory is the peer's."""
    import torch
    from peft import LoraConfig, get_peft_model
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(2)
    tokenizer = Tokenizer.from_file(str(arguments.model / "tokenizer.json"))
    simcse = arguments.objective == "simcse"
    whole = AutoModelForCausalLM.from_pretrained(
        arguments.model, dtype=torch.float32, attn_implementation="eager" if simcse else "sdpa",
        attention_dropout=0.3 if simcse else 0.0,
    )
    config = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules=MODULES)
    model = get_peft_model(whole.model if simcse else whole, config).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-5)
    half = arguments.precision == "bf16"
    batch = arguments.sentences if simcse else BATCH[arguments.shape]
    tokens = 0

    def mask_of(lengths, width):
        # Bidirectional attention: only padding is masked.
        keep = torch.arange(width)[None, :] < torch.tensor(lengths)[:, None]
        return torch.where(keep, 0.0, torch.finfo(torch.float32).min)[:, None, None, :].expand(-1, 1, width, width)

    if simcse:
        texts = [tokenizer.encode(s).ids[:128] for s in sentences(arguments.text, batch * arguments.steps)]
    else:
        data = blocks(arguments.text, tokenizer, batch * arguments.steps)
    generator = torch.Generator().manual_seed(1)
    started = None
    for step in range(-1, arguments.steps):
        if step == 0:
            started, tokens = time.perf_counter(), 0
        place = max(step, 0) * batch
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            if simcse:
                chosen = texts[place : place + batch] * 2
                lengths = [len(ids) for ids in chosen]
                width = max(lengths)
                ids = torch.tensor([x + [0] * (width - len(x)) for x in chosen])
                hidden = model(input_ids=ids, attention_mask=mask_of(lengths, width)).last_hidden_state
                keep = (torch.arange(width)[None, :] < torch.tensor(lengths)[:, None]).float()[:, :, None]
                vectors = torch.nn.functional.normalize((hidden * keep).sum(1) / keep.sum(1), dim=-1).float()
                scores = 20 * vectors[:batch] @ vectors[batch:].T
                loss = torch.nn.functional.cross_entropy(scores, torch.arange(batch))
                tokens += sum(lengths)
            else:
                ids = torch.tensor(data[place : place + batch])
                labels = ids.clone()
                masked = torch.rand(ids.shape, generator=generator) < 0.2
                labels[~masked] = -100
                inputs = torch.where(masked, torch.tensor(10), ids)
                mask = torch.zeros(batch, 1, 512, 512)
                logits = model(input_ids=inputs, attention_mask=mask).logits
                loss = torch.nn.functional.cross_entropy(
                    logits[:, :-1].reshape(-1, logits.shape[-1]).float(), labels[:, 1:].reshape(-1)
                )
                tokens += ids.numel()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    seconds = time.perf_counter() - started
    print(json.dumps({
        "tokens_per_second": tokens / seconds, "examples_per_second": batch * arguments.steps / seconds,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "loss": loss.item(),
    }))


def run_peer(arguments, shape, objective, precision, model, steps):
    command = [sys.executable, __file__, "--peer", "--model", str(model), "--shape", shape, "--objective", objective,
               "--precision", precision, "--text", str(arguments.text), "--steps", str(steps),
               "--sentences", str(arguments.sentences)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == -9:  # SIGKILL: the system ran out of memory
        return None
    done.check_returncode()
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_kindred(arguments, shape, objective, precision, model, steps):
    out = arguments.work / "run"
    shutil.rmtree(out, ignore_errors=True)
    text = arguments.text
    options = ["--batch", str(BATCH[shape]), "--length", "512"]
    if objective == "simcse":
        text = arguments.work / "sentences.txt"
        text.write_text("\n".join(sentences(arguments.text, arguments.sentences * steps)) + "\n")
        options = ["--batch", str(arguments.sentences), "--length", "128", "--lines-are-sentences"]
    command = [str(arguments.kindred), "train", objective, str(text), "--model", str(model), "--out", str(out),
               "--steps", str(steps), "--precision", precision, "--validation", "0", "--token-limit", "0.2",
               "--checkpoint-every", "100000", "--warmup", "0", "--json", "--quiet", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    process = subprocess.Popen(["/usr/bin/time", "-f", "%M", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    output, error = process.communicate()
    if process.returncode:
        sys.exit(error)
    found = json.loads(output)
    return {"tokens_per_second": found["tokens_per_second"] / (2 if objective == "simcse" else 1),
            "examples_per_second": found["examples_per_second"],
            "peak_megabytes": int(error.strip().splitlines()[-1]) / 1024, "loss": found["last_loss"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--kindred", type=Path, default=ROOT / ".build/release/kindred")
    parser.add_argument("--work", type=Path, default=ROOT / "runs/benchmark")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--shapes", default="small,large")
    parser.add_argument("--objectives", default="mntp,simcse")
    parser.add_argument("--peers", default="fp32,bf16")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=64, help="sentences per SimCSE batch")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    for name in ["model", "shape", "objective", "precision"]:
        parser.add_argument(f"--{name}", type=Path if name == "model" else str, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return peer(arguments)
    os.environ["OMP_NUM_THREADS"] = "2"
    arguments.work.mkdir(parents=True, exist_ok=True)
    make_tokenizer(arguments.text, arguments.work / "tokenizer.json")
    results = []
    for shape in arguments.shapes.split(","):
        model = arguments.work / shape
        make_model(shape, model, arguments.work / "tokenizer.json")
        for objective in arguments.objectives.split(","):
            best = {}
            for _ in range(arguments.rounds):
                for precision in ["fp32", "bf16"]:
                    for side, run in [("kindred", run_kindred), ("peer", run_peer)]:
                        if side == "peer" and precision not in arguments.peers.split(","):
                            continue
                        found = run(arguments, shape, objective, precision, model, arguments.steps)
                        print(shape, objective, side, precision, found, file=sys.stderr, flush=True)
                        if found is None:
                            print(f"{shape} {objective}: the peer in {precision} ran out of memory")
                            continue
                        key = (side, precision)
                        if key not in best or found["examples_per_second"] > best[key]["examples_per_second"]:
                            best[key] = found
            results.append((shape, objective, best))
    print("| shape | objective | side | precision | tokens/s | examples/s | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for shape, objective, best in results:
        for (side, precision), found in best.items():
            print(f"| {shape} | {objective} | {side} | {precision} | {found['tokens_per_second']:,.0f} | "
                  f"{found['examples_per_second']:.2f} | {found['peak_megabytes']:,.0f} |")
        ours = best.get(("kindred", "bf16"))
        for precision in ["fp32", "bf16"]:
            if ours and ("peer", precision) in best:
                ratio = ours["examples_per_second"] / best[("peer", precision)]["examples_per_second"]
                print(f"\n{shape} {objective}: kindred bf16 is {ratio:.2f} times the peer's {precision}")


if __name__ == "__main__":
    main()
