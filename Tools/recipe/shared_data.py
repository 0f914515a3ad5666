"""The shared data as articles, sentences and questions."""

import json
import lzma
import re

FILES = ["featured.txt", "good.txt", "core.txt"]
SENTENCE = re.compile(r"(?<=[.!?])[\"”']? +(?=[A-Z\"“])")
WORD = re.compile(r"\w+(?:['’.-]\w+)*")
VERB = {
    "is", "was", "are", "were", "has", "had", "became", "won", "wrote", "played", "made", "began", "died", "led", "built",
    "founded", "used", "served", "released", "received", "became", "discovered", "invented", "designed", "directed",
    "produced", "published", "can", "may", "will", "would", "could", "does", "did", "contains", "includes", "consists",
    "occurs", "refers", "lies", "covers", "joined", "moved", "left", "took", "created", "established", "signed", "married",
}
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


def articles(path):
    """Yields (id, lines) of a file of wikipedia-text (.txt.xz, or .txt); the title is the first line."""
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
                    yield identifier, lines
                identifier = None
            elif identifier is not None:
                cleaned = clean(line)
                if cleaned:
                    lines.append(cleaned)


def read(path):
    """The values of a file of JSON lines. (str.splitlines would also break lines at U+2028.)"""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Article:
    def __init__(self, lines):
        self.title = lines[0]
        self.paragraphs = []  # (heading, sentences)
        heading = ""
        for line in lines[1:]:
            words = line.count(" ") + 1
            if words <= 10 and line.endswith(".") and not self.is_prose(line):
                heading = line[:-1]
            elif words >= 20:
                self.paragraphs.append((heading, SENTENCE.split(line)))

    @staticmethod
    def is_prose(line):
        return any(word in VERB for word in line.split()[1:])


def squad(data):
    """Questions of SQuAD's train set and the sentences that answer them, those of one article together."""
    for row in (data / "pairs" / "squad-question-sentence.tsv").read_text(encoding="utf-8").splitlines():
        yield [untokenized(part) for part in row.split("\t")[:2]]


def wikiqa(data):
    """WikiQA's train set: its sentences and its questions by id, and which sentence answers which question, by their ids."""
    folder = data / "retrieval" / "wikiqa" / "sent-train"
    sentences, questions = ({row["_id"]: row for row in read(folder / f"{name}.jsonl")} for name in ("corpus", "queries"))
    rows = (row.split("\t") for row in (folder / "qrels" / "train.tsv").read_text(encoding="utf-8").splitlines()[1:])
    return sentences, questions, [(query, sentence) for query, sentence, relevance in rows if float(relevance) > 0]


def untokenized(text):
    text = re.sub(r" ([.,;:?!%)])", r"\1", text)
    text = re.sub(r"\( ", "(", text)
    text = re.sub(r" ('s|n't|'re|'ve|'ll|'d)\b", r"\1", text)
    return re.sub(r" (``|'') ", " ", text).replace("``", "").replace("''", "").strip()
