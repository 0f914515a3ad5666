#!/usr/bin/env python3
"""Makes the fixtures of KindredTokenizersTests: small tokenizers, and what `tokenizers` makes of hard strings.

Usage: tokenizers_goldens.py   (needs tokenizers from PyPI; written with 0.23.3)
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
FIXTURES = HERE.parent.parent / "Tests/KindredTokenizersTests/Fixtures"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
STRINGS = [
    "", " ", "  ", "a", "Hello, world!", "The cat's hat; they'll we've I'm you'd it's 'tis 'S 'LL", "it\u2019s",
    "  leading and trailing  ", "tabs\tand\nnew\n\nlines \r\n mixed", "\n\n  x", "x   y    z", "1234567 3.14 1,000,000",
    "éclair e\u0301clair", "Å Å Å", "naïve façade", "日本語のテキスト、です。", "한국어 문장", "עברית ועוד", "हिन्दी में लिखा",
    "ภาษาไทย", "emoji 👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈", "\u00a0nbsp\u00a0", "\u3000ideographic space", "zero\u200bwidth\u200djoiner",
    "Ⅷ ½ ²³ ٣٤", "snake_case camelCase HTTPServer", "<s>special</s> <s> x", "<mask> in<mask>side", "…—–“”‘’",
    "a" * 300, " " * 100 + "x", "!" * 70, "ſ 'ſ K", "\ufeffBOM", "\u0000\u0001\u007f", "don't   stop\n\n\nnow  ",
]

# Only encoded, not trained on: marks of every kind, numbers beside letters, bytes that a vocabulary may lack within words.
MORE = [
    "caſte thſe ſſing éſé", "x\u0001y \u0001\u0001", "e\u0301 u\u0308ber \u0905\u0903 o\u20dd \u1cf2 a\u08d4 a\u0898", "Việt Nam",
    "a1b22c333", "12 34", "½x٣٤y", "12  34", " 7", "№5", "2024-01-02T03:04:05", "é1e\u03012",
    "an éclair, an ECLAIR, a Hat, a hat, a cat, cats, the Cat", "[mask] [MASK] <M> <m> in[Mask]side",
]
LACKING = {0x00, 0x01, 0x7F, 0xC5, 0xF0, 0xAC}


def corpus():
    for path in sorted((HERE.parent / "sample").glob("*.wiki")):
        yield from path.read_text("utf-8").split("\n")
    yield from STRINGS


def train(tokenizer, size, texts=None, alphabet=None):
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=sorted(alphabet or pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(list(texts or corpus()), trainer)


def train_lacking(tokenizer, size):
    """Trains a vocabulary without tokens for the bytes of LACKING."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    stand_in = {bytes([b]): byte_level.pre_tokenize_str(chr(b))[0][0] for b in LACKING if b < 0x80}
    # A byte of a longer character has the stand-in of the Latin-1 character of that number.
    stand_in |= {bytes([b]): chr(b) for b in LACKING if b >= 0x80}
    texts = ["".join(c for c in text if not LACKING & set(c.encode())) for text in corpus()]
    train(tokenizer, size, texts, set(pre_tokenizers.ByteLevel.alphabet()) - set(stand_in.values()))


def gpt2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 900)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    return tokenizer


def prefix_space():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 600)
    return tokenizer


def llama3():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 800)
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)]),
        ]
    )
    return tokenizer


def uncased():
    """As Tools/pretrain/prepare.py makes it, with one replacement of more than a byte."""
    tokenizer = Tokenizer(models.BPE())
    replaced = [("\n", "\n "), ("-", "- "), ('"', ""), ("\u201c", ""), ("it's", "it is")]
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), *(normalizers.Replace(*pair) for pair in replaced)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 600)
    return tokenizer


def digits():
    """As SmolLM2's: single digits, and bytes without tokens that are dropped."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    train_lacking(tokenizer, 600)
    return tokenizer


def numbers():
    """Runs of digits, a space before each piece, accents stripped, and bytes without tokens that are unknown."""
    tokenizer = Tokenizer(models.BPE(unk_token="<s>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    train_lacking(tokenizer, 600)
    return tokenizer


def added():
    """Added tokens that are looked for in the text as it stands, and in the normalised text, normalised themselves."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 600)
    tokenizer.add_tokens(
        [AddedToken("Éclair", normalized=True), AddedToken("Hat", normalized=False),
         AddedToken("CAT", normalized=True, single_word=True), AddedToken("[Mask]", normalized=True)]
    )
    tokenizer.add_special_tokens([AddedToken("<M>", normalized=False)])
    return tokenizer


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name, tokenizer in [("gpt2", gpt2()), ("prefix-space", prefix_space()), ("llama3", llama3()),
                            ("uncased", uncased()), ("digits", digits()), ("numbers", numbers()), ("added", added())]:
        tokenizer.save(str(FIXTURES / f"{name}.json"), pretty=False)
        goldens = [
            {
                "text": text,
                "ids": tokenizer.encode(text).ids,
                "bare": tokenizer.encode(text, add_special_tokens=False).ids,
                "decoded": tokenizer.decode(tokenizer.encode(text).ids),
            }
            for text in STRINGS + (MORE if name in ("digits", "numbers", "added") else [])
        ]
        (FIXTURES / f"{name}.goldens.json").write_text(json.dumps(goldens) + "\n")


if __name__ == "__main__":
    main()
