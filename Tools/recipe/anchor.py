#!/usr/bin/env python3
"""Makes a trained decoder a bag of word vectors again, for the stage that learns from pairs.

Learning to predict tokens moves the hidden states away from what the tokens mean, and a small decoder needs long to bring
them back. So the matrices that write to the residual stream start at zero again, with the final norm of the initial
decoder: pooled, the decoder is the bag of words it came from, and what its blocks learned to look at is there to be used.
Rows of the embedding are made ten times as long, so that the optimizer's first steps on those matrices are small beside
them. The head that predicted tokens is left out.

Usage: anchor.py --model MERGED --initial runs/pretrain/initial --out DIR
"""

import argparse
import json
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
    weights["model.norm.weight"] = initial["model.norm.weight"]
    weights.pop("lm_head.weight", None)
    for name in weights:
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weights[name].zero_()
    save_file(weights, path, metadata={"format": "pt"})
    configuration = arguments.out / "config.json"
    configuration.write_text(json.dumps(json.loads(configuration.read_text()) | {"tie_word_embeddings": True}, indent=2) + "\n")


if __name__ == "__main__":
    main()
