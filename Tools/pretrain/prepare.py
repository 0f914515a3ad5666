#!/usr/bin/env python3
"""Trains a byte-level BPE tokenizer, and turns Wikipedia text into shuffled text and token files.

Reads the `<doc id= url= title=> … </doc>` files of wikipedia-text (.txt.xz, or .txt), cleans the residue
of the extraction, shuffles the articles, holds back 1 % of them for validation (chosen by a hash of the
article's id, so that the choice is the same for every run), and writes

    OUT/model/tokenizer.json, tokenizer_config.json   what the decoder ships with
    OUT/train.txt, OUT/validation.txt                 articles as `<doc>` … `</doc>`, a paragraph a line
    OUT/train.bin, OUT/validation.bin                 their token ids, little-endian uint16: each article
                                                      begins with <s>, its lines are joined by a newline
    OUT/prepare.json                                  what was read, and how much; written last

Usage: prepare.py --data DIR --out runs/pretrain [--vocabulary 32768] [--megabytes N]
"""

import argparse
import hashlib
import json
import lzma
import random
import re
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FILES = ["featured.txt", "good.txt", "core.txt"]
BEGIN, END = "<s>", "</s>"
DOC = re.compile(r'<doc id="([^"]*)"')
RESIDUE = [
    (re.compile(r"formula_\d+"), ""),
    (re.compile(r"\{\{[^{}]*\}\}?"), ""),
    (re.compile(r"[{}]{2,}"), ""),
    (re.compile(r"\[\[(?:[^|\[\]]*\|)?([^|\[\]]*)\]\]"), r"\1"),
    (re.compile(r"\(\s*[;,]\s*"), "("),
    (re.compile(r"\(\s*\)"), ""),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" ([,.;:])"), r"\1"),
]


def clean(line: str) -> str:
    for pattern, replacement in RESIDUE:
        line = pattern.sub(replacement, line)
    return line.strip()


def articles(path: Path):
    """Yields (id, text); a text is its title, then its paragraphs, a line each."""
    identifier, lines = None, []
    packed = path.with_name(path.name + ".xz")
    opened = open(path, encoding="utf-8") if path.exists() else lzma.open(packed, "rt", encoding="utf-8")
    with opened as file:
        for line in file:
            if line.startswith("<doc "):
                match = DOC.match(line)
                identifier, lines = (match.group(1) if match else ""), []
            elif line.startswith("</doc>"):
                if identifier is not None and len(lines) > 1:
                    yield identifier, "\n".join(lines)
                identifier = None
            elif identifier is not None:
                cleaned = clean(line)
                if cleaned:
                    lines.append(cleaned)


def held_back(identifier: str) -> bool:
    digest = hashlib.sha256(identifier.encode()).digest()
    return int.from_bytes(digest[:2], "big") < 65_536 // 100


def train_tokenizer(texts, vocabulary: int) -> Tokenizer:
    """One token for a word wherever it stands: a query of a few small letters must meet the words of a passage. So all
    letters are small, quotation marks go, and a space comes before the first word of a line and of a compound's part."""
    tokenizer = Tokenizer(models.BPE())
    spaced = [normalizers.Replace(mark, mark + " ") for mark in ["\n", "(", "-", "/"]]
    quotes = [normalizers.Replace(mark, "") for mark in ['"', "\u201c", "\u201d"]]
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), *quotes, *spaced])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BEGIN, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A",
        pair=f"{BEGIN} $A {BEGIN} $B",
        special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN))],
    )
    return tokenizer


def write_tokens(tokenizer: Tokenizer, texts, path: Path) -> int:
    begin, total = tokenizer.token_to_id(BEGIN), 0
    with open(path, "wb") as file:
        for start in range(0, len(texts), 512):
            part = [text for _, text in texts[start : start + 512]]
            for encoding in tokenizer.encode_batch_fast(part, add_special_tokens=False):
                ids = np.array([begin] + encoding.ids, dtype="<u2")
                file.write(ids.tobytes())
                total += len(ids)
    return total


def write_text(texts, path: Path) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for identifier, text in texts:
            file.write(f'<doc id="{identifier}">\n{text}\n</doc>\n')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="directory with the wikipedia-text files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=32_768, help="at most 65,536")
    parser.add_argument("--files", default=",".join(FILES), help="names without .xz, separated by commas")
    parser.add_argument("--megabytes", type=int, default=0, help="text to use after shuffling (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    model = arguments.out / "model"
    model.mkdir(parents=True, exist_ok=True)

    train, validation, seen = [], [], set()
    for name in arguments.files.split(","):
        for identifier, text in articles(arguments.data / name):
            if identifier in seen:
                continue
            seen.add(identifier)
            (validation if held_back(identifier) else train).append((identifier, text))
    random.Random(arguments.seed).shuffle(train)
    if arguments.megabytes:
        kept, size = [], 0
        for article in train:
            if size >= arguments.megabytes * 1_000_000:
                break
            kept.append(article)
            size += len(article[1])
        train = kept
    print(f"{len(train)} training and {len(validation)} validation articles", flush=True)

    sample, size = [], 0
    for _, text in train:
        sample.extend(text.split("\n"))
        size += len(text)
        if size > 80_000_000:
            break
    tokenizer = train_tokenizer(sample, arguments.vocabulary)
    tokenizer.save(str(model / "tokenizer.json"), pretty=False)
    (model / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": BEGIN,
                "eos_token": END,
                "pad_token": END,
                "mask_token": "_",
                "model_max_length": 512,
                "clean_up_tokenization_spaces": False,
            },
            indent=2,
        )
        + "\n"
    )
    write_text(train, arguments.out / "train.txt")
    write_text(validation, arguments.out / "validation.txt")
    counts = {
        "articles": len(train),
        "validation_articles": len(validation),
        "vocabulary": tokenizer.get_vocab_size(),
        "seed": arguments.seed,
        "train_tokens": write_tokens(tokenizer, train, arguments.out / "train.bin"),
        "validation_tokens": write_tokens(tokenizer, validation, arguments.out / "validation.bin"),
    }
    (arguments.out / "prepare.json").write_text(json.dumps(counts, indent=2) + "\n")
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
