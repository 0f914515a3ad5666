#!/usr/bin/env python3
"""Compares Kindred's token ids with those of the `tokenizers` and `sentencepiece` libraries, and prints a table.

Usage: tokenizers_parity.py KINDRED TEXT... -- NAME=PATH...

A text is a file of UTF-8, also compressed by xz or bzip2. A path is a tokenizer.json, a SentencePiece tokenizer.model, a
vocab.txt, or a GGUF file. A .model is compared with what transformers makes of it for Llama, and where --sentencepiece
stands before the names, with sentencepiece itself.

Needs tokenizers, transformers, sentencepiece, gguf (Tools/requirements.txt).
"""

import bz2
import json
import lzma
import random
import subprocess
import sys
import tempfile
from pathlib import Path

PIECE = 2_000  # characters of a text that are compared at a time


def read(path):
    opener = {".xz": lzma.open, ".bz2": bz2.open}.get(Path(path).suffix, open)
    with opener(path, "rb") as file:
        return file.read(1_500_000).decode("utf-8", "ignore")


def odd_texts():
    """Code, emoji, control characters, runs of spaces, and scalars drawn at random."""
    random.seed(3)
    yield "def f(x):\n\tif x > 10**6:\n\t\treturn {'a': [1, 2.5e-3], \"b\": None}  # café\n" * 5
    yield "👩‍👩‍👧‍👦 🇫🇷 ✊🏿 e\u0301 \u00e9 \ufeff\u200b\u200d\u00a0\u3000\u2028 ﬁ ½ ㎏ ﷺ"
    yield "".join(map(chr, range(0x20))) + "\x7f\x80\x9f"
    yield "a  b   c    d\t\te\r\n\r\nf \n g  \n\n\n  h" + " " * 300 + "i" + "\n" * 50
    yield "''''s 'S 'll 'LL I'M we'Re ſ's"
    yield "x" * 3_000
    yield "<s></s><unk><pad><|endoftext|>[CLS] [SEP][MASK]<0x0A>▁▁_▁ a▁b"
    yield "0123456789 ٠١٢٣ Ⅷ ½ 1,000,000.50 2026-11-26"
    for _ in range(40):
        scalars = [random.choice([random.randrange(0x20, 0x2FF), random.randrange(0x300, 0x3000),
                                  random.randrange(0x3000, 0xD7FF), random.randrange(0xE000, 0x20000)]) for _ in range(300)]
        yield "".join(map(chr, scalars))


def reference(path, sentencepiece):
    """Text -> ids without the tokens around it."""
    path = Path(path)
    if path.suffix == ".model" and sentencepiece:
        import sentencepiece as sp

        return sp.SentencePieceProcessor(model_file=str(path)).encode
    if path.suffix == ".gguf":
        return gguf_reference(path)
    if path.suffix == ".model":
        from transformers import LlamaTokenizerFast

        built = LlamaTokenizerFast(vocab_file=str(path), legacy=True, add_prefix_space=True)
        return lambda text: built.encode(text, add_special_tokens=False)
    if path.name == "vocab.txt":
        from transformers import BertTokenizerFast

        built = BertTokenizerFast(vocab_file=str(path))
        return lambda text: built.encode(text, add_special_tokens=False)
    from tokenizers import Tokenizer

    built = Tokenizer.from_file(str(path))
    built.no_truncation()
    built.no_padding()
    return lambda text: built.encode(text, add_special_tokens=False).ids


def gguf_reference(path):
    """A byte-level BPE built from the file's vocabulary and merges; for "smollm", the pre-tokenizer that it stands for."""
    from gguf import GGUFReader
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    built = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    built.add_special_tokens(
        [AddedToken(token, normalized=False) for token, kind in zip(tokens, types) if kind == 3])
    return lambda text: built.encode(text, add_special_tokens=False).ids


def main():
    arguments = sys.argv[1:]
    split = arguments.index("--")
    kindred, paths, named = arguments[0], arguments[1:split], arguments[split + 1:]
    texts = list(odd_texts())
    for path in paths:
        text = read(path)
        texts += [text[start:start + PIECE] for start in range(0, len(text), PIECE)]
    texts = [text for text in texts if text.strip()]
    size = sum(len(text.encode()) for text in texts)
    print(f"{len(texts):,} texts, {size / 1e6:.2f} MB, {len(paths)} files\n")
    print("| tokenizer | tokens | texts that differ |\n|---|---|---|")
    sentencepiece = False
    failed = False
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for text in texts:
            file.write(json.dumps(text) + "\n")
        file.flush()
        for name in named:
            if name == "--sentencepiece":
                sentencepiece = True
                continue
            name, path = name.split("=", 1)
            encode = reference(path, sentencepiece)
            result = subprocess.run(
                [kindred, "model", "tokenize", path, file.name, "--json-lines", "--text-only"],
                capture_output=True, text=True)
            if result.returncode:
                print(f"| {name} | – | {result.stderr.strip()} |")
                failed = True
                continue
            lines = result.stdout.split("\n")
            tokens, different = 0, []
            for text, line in zip(texts, lines, strict=False):
                expected = encode(text)
                tokens += len(expected)
                found = [int(id) for id in line.split()]
                if found != expected:
                    different.append((text, found, expected))
            print(f"| {name} | {tokens:,} | {len(different)} |", flush=True)
            failed |= bool(different)
            for text, found, expected in different[:3]:
                at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), min(len(found), len(expected)))
                print(f"  {text[:40]!r}: token {at}: {found[at:at + 6]} for {expected[at:at + 6]}", file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
