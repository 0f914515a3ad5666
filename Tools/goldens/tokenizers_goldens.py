#!/usr/bin/env python3
"""Makes the fixtures of KindredTokenizersTests: small tokenizers, and what `tokenizers` makes of hard strings.

Usage: tokenizers_goldens.py [--words]   (needs tokenizers, sentencepiece and transformers from PyPI; written with tokenizers 0.23.3,
those of words with 0.22.2 and sentencepiece 0.2.3)
"""

import json
import sys
import tempfile
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


def wordpiece():
    """As BERT's."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(list(corpus()), trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def cased():
    """WordPiece of texts as they are, words and marks by `Whitespace`."""
    tokenizer = wordpiece()
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Strip(), normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False)])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    trainer = trainers.UnigramTrainer(
        vocab_size=400, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(list(corpus()), trainer)
    tokenizer.add_tokens(["hive"])
    return tokenizer


def word_level():
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.CharDelimiterSplit("-"),
         pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Split("th", "merged_with_next"),
         pre_tokenizers.Digits(individual_digits=False)])
    trainer = trainers.WordLevelTrainer(vocab_size=300, special_tokens=["<unk>"], show_progress=False)
    tokenizer.train_from_iterator(list(corpus()), trainer)
    return tokenizer


def suffixes():
    """BPE of characters with an end of the word, as CLIP's and GPT's, and unknown characters that are one."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\p{L}]+|\p{N}|[^\s\p{L}\p{N}]+"), "removed", invert=True)
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<unk>"], end_of_word_suffix="</w>", limit_alphabet=60, show_progress=False)
    tokenizer.train_from_iterator(list(corpus()), trainer)
    return tokenizer


def byte_fallback():
    """BPE of characters as Llama 2's: no words, and bytes for characters without a token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=special, limit_alphabet=60, max_token_length=12, show_progress=False)
    tokenizer.train_from_iterator((word for line in corpus() for word in line.split()), trainer)
    built = json.loads(tokenizer.to_str())
    built["added_tokens"] = built["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(built))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def sentencepiece_models():
    """SentencePiece's own files, with a few rules of normalisation, and what `tokenizers` makes of the same parts."""
    import sentencepiece
    from transformers.convert_slow_tokenizer import generate_merges, import_protobuf

    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.tsv"
        # ﬁ to fi, ½ to 1⁄2, no-break space to space, é in two parts to é.
        rules.write_text("FB01\t66 69\nBD\t31 2044 32\nA0\t20\n65 301\tE9\n", "utf-8")
        text = Path(folder) / "text.txt"
        text.write_text("\n".join(corpus()), "utf-8")
        for kind in ["unigram", "bpe"]:
            sentencepiece.SentencePieceTrainer.train(
                input=str(text), model_prefix=f"{folder}/{kind}", vocab_size=560, model_type=kind, byte_fallback=True,
                normalization_rule_tsv=str(rules), user_defined_symbols=["<M>"], num_threads=1, minloglevel=2,
                character_coverage=0.98)
            data = Path(f"{folder}/{kind}.model").read_bytes()
            model = import_protobuf().ModelProto()
            model.ParseFromString(data)
            # The trainer's arguments hold a path.
            model.trainer_spec.ClearField("input")
            model.trainer_spec.ClearField("model_prefix")
            data = model.SerializeToString()
            (FIXTURES / f"{kind}.model").write_bytes(data)
            pieces = [(piece.piece, piece.score) for piece in model.pieces]
            charsmap = normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)
            if kind == "unigram":
                built = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
                built.normalizer = normalizers.Sequence(
                    [charsmap, normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
                built.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
                around = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
            else:
                ids = {piece: id for id, (piece, _) in enumerate(pieces)}
                merges = generate_merges(ids, dict(pieces))
                built = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
                built.normalizer = normalizers.Sequence(
                    [charsmap, normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
                around = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
            built.post_processor = around
            added = [(piece.piece, piece.type) for piece in model.pieces if piece.type in (2, 3, 4)]
            built.add_special_tokens([AddedToken(piece, normalized=False) for piece, type in added if type != 4])
            built.add_tokens([AddedToken(piece, normalized=False) for piece, type in added if type == 4])
            yield kind + ".model", built


WORDS = {
    "wordpiece": wordpiece, "cased": cased, "unigram": unigram, "word-level": word_level, "suffixes": suffixes,
    "byte-fallback": byte_fallback,
}


def write_words():
    """The tokenizers whose words are not bytes; what they decode to is not compared."""
    built = [(name, make()) for name, make in WORDS.items()]
    for name, tokenizer in built + list(sentencepiece_models()):
        if not name.endswith(".model"):
            tokenizer.save(str(FIXTURES / f"{name}.json"), pretty=False)
        goldens = [
            {"text": text, "ids": tokenizer.encode(text).ids, "bare": tokenizer.encode(text, add_special_tokens=False).ids}
            for text in STRINGS + MORE
        ]
        (FIXTURES / f"{name}.goldens.json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    write_words()
    if "--words" in sys.argv:
        return
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
