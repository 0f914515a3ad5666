#!/usr/bin/env python3
"""Writes the vectors that Python gives to some texts, for `kindred model check --against`.

A directory with modules.json is loaded by sentence-transformers; any other model by transformers, whose last hidden states
are pooled here. A GGUF file is read by transformers, or with --directory in place of what it was imported as.

Usage: golden_vectors.py MODEL --out golden.json [--attention causal|bidirectional] [--pooling mean|weighted_mean|last_token]
       [--texts FILE]     (needs torch, transformers, sentence-transformers; see Tools/requirements.txt)
"""

import argparse
import json
from pathlib import Path

import torch

TEXTS = [
    "rain", "Who wrote Faust?", "photosynthesis in deep water", "¿Dónde nace el río Ebro?", "富士山の高さ",
    "The printing press spread from Mainz to more than two hundred cities within fifty years.",
    "def add(a, b):\n    return a + b", "столица Казахстана",
    "A glacier forms where more snow falls in winter than melts in summer. Year after year the layers press on one another "
    "until air is squeezed out and the snow turns to ice. Under its own weight the ice begins to flow downhill.",
]


def pooled(states, mode):
    if mode == "mean":
        return states.mean(0)
    if mode == "weighted_mean":
        weights = torch.arange(1, len(states) + 1, dtype=torch.float32)
        return (states * (weights / weights.sum())[:, None]).sum(0)
    return states[-1]


@torch.no_grad()
def by_transformers(path, texts, attention, pooling):
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(path, dtype=torch.float32, attn_implementation="sdpa").eval()
    tokenizer = AutoTokenizer.from_pretrained(path)
    vectors = []
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        # The text's own tokens lie between those that the template adds.
        bare = tokenizer(text, add_special_tokens=False)["input_ids"]
        before = next(start for start in range(len(ids) + 1) if ids[start:start + len(bare)] == bare)
        own = range(before, before + len(bare)) if bare else range(len(ids))
        tokens = torch.tensor([ids])
        mask = torch.zeros(1, 1, len(ids), len(ids)) if attention == "bidirectional" else None
        states = model(input_ids=tokens, attention_mask=mask).last_hidden_state[0]
        chosen = states[-1:] if pooling == "last_token" else states[list(own)]
        vectors.append(torch.nn.functional.normalize(pooled(chosen, pooling), dim=0).tolist())
    return vectors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--attention", choices=["causal", "bidirectional"], default="causal")
    parser.add_argument("--pooling", choices=["mean", "weighted_mean", "last_token"], default="mean")
    parser.add_argument("--texts", type=Path, help="a JSON list of strings in place of the built-in texts")
    arguments = parser.parse_args()
    texts = json.loads(arguments.texts.read_text()) if arguments.texts else TEXTS
    golden = {"texts": texts}
    if (arguments.model / "modules.json").exists():
        from sentence_transformers import SentenceTransformer

        vectors = SentenceTransformer(str(arguments.model), device="cpu").encode(texts, normalize_embeddings=True).tolist()
    else:
        vectors = by_transformers(arguments.model, texts, arguments.attention, arguments.pooling)
        golden |= {"attention": arguments.attention, "pooling": arguments.pooling}
    golden["vectors"] = [[round(value, 6) for value in vector] for vector in vectors]
    arguments.out.write_text(json.dumps(golden, separators=(",", ":"), ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
