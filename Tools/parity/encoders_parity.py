#!/usr/bin/env python3
"""Compares Kindred's vectors with those of transformers for texts of many lengths and languages, and prints a table.

Usage: encoders_parity.py KINDRED MODEL TEXT... [--kindred-model FILE.gguf] [--precision fp32]

MODEL is a directory that transformers loads. Texts are files of UTF-8, one a language. Needs the packages of
Tools/requirements.txt.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

LENGTHS = [1, 2, 3, 7, 15, 40, 120, 400, 1000, 2000]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kindred")
    parser.add_argument("model")
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--kindred-model")
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    texts = []
    for index, path in enumerate(arguments.texts):
        text = " ".join(path.read_text("utf-8", "ignore").split())[5_000:40_000]
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        # Long texts take most of the time: two files have them.
        for length in LENGTHS if index < 2 else LENGTHS[index % 2:7:2]:
            cut = tokenizer.decode(ids[7:7 + length]).replace("\ufffd", "").strip()
            if cut:
                texts.append(cut)
    with tempfile.TemporaryDirectory() as folder:
        listed, golden = Path(folder) / "texts.json", Path(folder) / "golden.json"
        listed.write_text(json.dumps(texts))
        print("| attention | pooling | texts | mean cosine | worst cosine |\n|---|---|---|---|---|")
        for attention in ["causal", "bidirectional"]:
            for pooling in ["mean", "weighted_mean", "last_token"]:
                subprocess.run(
                    [sys.executable, Path(__file__).parent / "golden_vectors.py", arguments.model, "--out", golden,
                     "--attention", attention, "--pooling", pooling, "--texts", listed], check=True)
                vectors = json.loads(golden.read_text())
                golden.write_text(json.dumps(vectors | {"max_length": 4096}))
                result = subprocess.run(
                    [arguments.kindred, "model", "check", arguments.kindred_model or arguments.model, "--against", golden,
                     "--json"], capture_output=True, text=True)
                if not result.stdout:
                    sys.exit(result.stderr)
                found = json.loads(result.stdout)
                print(f"| {attention} | {pooling} | {found['texts']} | {found['mean_cosine']:.8f} | "
                      f"{found['worst_cosine']:.8f} |", flush=True)


if __name__ == "__main__":
    main()
