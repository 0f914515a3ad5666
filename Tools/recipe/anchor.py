#!/usr/bin/env python3
"""Puts word vectors back under a trained decoder, for the stage that learns from pairs.

Learning to predict tokens moves the hidden states away from what the tokens mean, and a small decoder needs long to bring
them back. So the embedding becomes that of the initial decoder again, the final norm leaves out the dimension that only
makes rows of one length, and the matrices that write to the residual stream start at zero again: pooled, the decoder is
the bag of words it came from, and what its blocks learned to look at is there to be used. Rows are made ten times as
long, so that the optimizer's first steps on those matrices are small beside them.

Usage: anchor.py --model MERGED --initial runs/pretrain/initial --out DIR
"""

import argparse
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

LENGTHENED = 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a model directory without adapters, fp32")
    parser.add_argument("--initial", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    shutil.copytree(arguments.model, arguments.out)
    path = arguments.out / "model.safetensors"
    weights = load_file(path)
    initial = load_file(arguments.initial / "model.safetensors")
    weights["model.embed_tokens.weight"] = initial["model.embed_tokens.weight"] * LENGTHENED
    weights["model.norm.weight"].fill_(1)
    weights["model.norm.weight"][-1] = 0
    for name in weights:
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weights[name].zero_()
    save_file(weights, path, metadata={"format": "pt"})


if __name__ == "__main__":
    main()
