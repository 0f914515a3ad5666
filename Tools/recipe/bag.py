#!/usr/bin/env python3
"""The bag of a model's embeddings: the same directory without its linear map, with blocks that write nothing.

The difference between the whole model and this bag is what its blocks and its attention add (figures.py).

Usage: bag.py --model DIR --out DIR
"""

import argparse
import json
import shutil
from pathlib import Path

from safetensors.numpy import load_file, save_file


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tensors = load_file(arguments.model / "model.safetensors")
    for name in tensors:
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            tensors[name] = tensors[name] * 0
    for name in ["tokenizer.json", "tokenizer_config.json", "llm2vec_config.json", "config.json"]:
        shutil.copy(arguments.model / name, arguments.out)
    assert "quantization_config" not in json.loads((arguments.out / "config.json").read_text()), "give the model before 8 bits"
    save_file(tensors, arguments.out / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
