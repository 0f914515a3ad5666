#!/usr/bin/env python3
"""Pairs of query and passage that Wikipedia gives for nothing, for `kindred train pairs`.

Reads the articles that prepare.py shuffled, and the two sets of questions in shared data, and writes JSON lines
{"query", "positive", "negatives"} in random order. Passages look as the index stores them: title, heading, body, a line
each; a third have the body only.

| kind | share | query | positive |
|---|---|---|---|
| heading | 20 % | title and section heading | a window of the section |
| cloze | 24 % | a sentence | the window that it stands in, without it nine times out of ten (Lee et al. 2019) |
| question | 20 % | a sentence with its subject, year or number asked for (after Lewis et al. 2019) | the sentence, or the window it stands in |
| definition | 6 % | the title, or what, who or where it is | the first sentence of the article |
| nearby | 8 % | a window | another one of the same article, the first paragraph half of the time |
| sentence | 10 % | a sentence with words left out | the sentence |
| asked | 12 % | a person's question (SQuAD train, WikiQA train) | the sentence that answers it |

A third of the pairs from articles carry a negative: another window of the same article. Questions of evaluation sets are
not read.

Usage: pairs.py --text runs/pretrain/train.txt --data SHARED-DATA --out pairs.jsonl --count 300000 [--seed 1]
"""

import argparse
import itertools
import json
import random
import re
from pathlib import Path

SENTENCE = re.compile(r"(?<=[.!?])[\"”']? +(?=[A-Z\"“])")
# Up to where questions and definitions go on the scale that kinds are drawn on (pair()).
QUESTIONS, DEFINITIONS = 0.64, 0.70
WORD = re.compile(r"\w+(?:['’.-]\w+)*")
YEAR = re.compile(r"\b(?:[Ii]n|[Oo]n) (?:\w+ )?(?:\d{1,2},? )?(?:1[0-9]|20)\d\d,? ?")
NUMBER = re.compile(r"\b(?:about |around |over |nearly |approximately )?\d[\d,.]*\d? (?=[a-z]{3,})")
PRONOUN = re.compile(r"^(He|She|They|It|This|These)\b")
VERB = {
    "is", "was", "are", "were", "has", "had", "became", "won", "wrote", "played", "made", "began", "died", "led", "built",
    "founded", "used", "served", "released", "received", "became", "discovered", "invented", "designed", "directed",
    "produced", "published", "can", "may", "will", "would", "could", "does", "did", "contains", "includes", "consists",
    "occurs", "refers", "lies", "covers", "joined", "moved", "left", "took", "created", "established", "signed", "married",
}
STOP = set(
    "a an the of in on at to for from by with and or as is was are were be been has had have it its he she they his her "
    "their this that these those which who whom into over under than then there also not no but if when while after before "
    "during between about such other some any all most more many one two first".split()
)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="train.txt of prepare.py")
    parser.add_argument("--data", type=Path, help="directory with pairs/ and retrieval/wikiqa; none: no questions of persons")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def read(path, count=None):
    """The objects of a file of JSON lines, or the first `count`. (str.splitlines would also break lines at U+2028.)"""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in itertools.islice(file, count)]


def write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def articles(path):
    lines = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("<doc "):
                lines = []
            elif line.startswith("</doc>"):
                if len(lines) > 1:
                    yield lines
            else:
                lines.append(line.strip())


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

    def window(self, rng, index, words=None, around=None):
        """Sentences of a paragraph, up to `words` of them: (first, last)."""
        sentences = self.paragraphs[index][1]
        words = words or rng.choice([25, 40, 60, 80, 100])
        first = last = rng.randrange(len(sentences)) if around is None else around
        size = sentences[first].count(" ") + 1
        while size < words and (first > 0 or last < len(sentences) - 1):
            if last < len(sentences) - 1 and (first == 0 or rng.random() < 0.6):
                last += 1
                size += sentences[last].count(" ") + 1
            else:
                first -= 1
                size += sentences[first].count(" ") + 1
        return first, last

    def passage(self, rng, index, sentences, titled=None):
        heading = self.paragraphs[index][0]
        body = " ".join(" ".join(sentences).split()[:130])
        if rng.random() < (0.65 if titled is None else titled):
            return self.title + "\n" + (heading + "\n" if heading else "") + body
        return body


def plain(rng, text):
    """A query as people type it."""
    text = text.strip().rstrip(".")
    choice = rng.random()
    if choice < 0.5:
        text = " ".join(WORD.findall(text.lower()))
    if choice < 0.15:
        text = " ".join(word for word in text.split() if word not in STOP) or text
    return text


def question(rng, article, sentence):
    """A question that the sentence answers, or nothing."""
    text = sentence.strip().rstrip(".")
    words = text.split()
    if not 6 <= len(words) <= 32:
        return None
    options = []
    title = article.title.split(" (")[0]
    found = PRONOUN.match(text)
    subject = title if text.startswith(title + " ") else title.split()[-1] if text.startswith(title.split()[-1] + " ") else None
    if subject is None and found:
        subject = found.group(0)
    if subject:
        rest = text[len(subject):].strip()
        if rest.split()[:1] and rest.split()[0] in VERB:
            person = found and found.group(0) in ("He", "She")
            options.append(("who " if person or rng.random() < 0.4 else rng.choice(["what ", "which "])) + rest)
    if found:
        named = title + text[found.end():]
    else:
        named = text[0].lower() + text[1:] if words[0] in ("The", "A", "An", "In", "On", "During", "After") else text
    if YEAR.search(text):
        options.append(rng.choice(["when ", "what year ", "when "]) + YEAR.sub("", named).strip())
    if NUMBER.search(named):
        options.append(NUMBER.sub("", named, 1).strip().join(["how many ", ""]))
    for index, word in enumerate(words[1:-1], 1):
        if word.lower() in ("because", "since", "due", "so"):
            options.append("why " + " ".join(words[:index]))
            break
    if not options:
        # Asked for by a part of it.
        start = rng.randrange(max(1, len(words) - 8))
        part = words[start:start + rng.randint(5, 9)]
        options.append(rng.choice(["what ", "which ", "how ", "who ", "where ", ""]) + " ".join(part))
    asked = rng.choice(options)
    asked = " ".join(asked.split()[:24])
    if rng.random() < 0.7:
        asked = asked.lower()
    return asked + ("?" if rng.random() < 0.5 else "")


def definition(rng, title):
    """What people type to learn what something is."""
    form = rng.choice(["{}", "what is {}", "who is {}", "who was {}", "where is {}", "what does {} mean", "what is a {}",
                       "definition of {}", "{} meaning", "how does {} work", "what are {}"])
    asked = form.format(title)
    return (asked.lower() if rng.random() < 0.7 else asked) + ("?" if form != "{}" and rng.random() < 0.4 else "")


def thinned(rng, sentence):
    words = sentence.split()
    share = rng.uniform(0.1, 0.35)
    kept = [word for word in words if rng.random() > share]
    if rng.random() < 0.3 and len(kept) > 6:
        cut = rng.randrange(2, len(kept) - 2)
        kept = kept[cut:] + kept[:cut]
    return " ".join(kept) if len(kept) >= 3 else sentence


def pair(rng, article):
    index = rng.randrange(len(article.paragraphs))
    heading, sentences = article.paragraphs[index]
    kind = rng.random() * 0.88
    first, last = article.window(rng, index)
    window = sentences[first:last + 1]
    title = article.title.split(" (")[0]
    alone = False
    if kind < 0.20:
        forms = [f"{title} {heading}", f"{heading} of {title}", f"{title}: {heading}"] if heading else [title]
        query, positive = plain(rng, rng.choice(forms)), article.passage(rng, index, window, titled=0.4)
    elif kind < 0.44:
        at = rng.randrange(len(window))
        query = plain(rng, " ".join(window[at].split()[:30]))
        rest = window[:at] + window[at + 1:] if len(window) > 1 and rng.random() < 0.9 else window
        positive = article.passage(rng, index, rest)
    elif kind < QUESTIONS:
        at = rng.randrange(len(window))
        query = question(rng, article, window[at])
        alone = rng.random() < 0.5
        positive = article.passage(rng, index, [window[at]] if alone else window, titled=0.3 if alone else None)
    elif kind < DEFINITIONS:
        alone = True
        query = definition(rng, title)
        positive = article.passage(rng, 0, article.paragraphs[0][1][:1], titled=0.2)
    elif kind < 0.78:
        other = 0 if index and rng.random() < 0.5 else rng.randrange(len(article.paragraphs))
        if other == index:
            return None
        start, end = article.window(rng, other, words=40)
        query = article.passage(rng, other, article.paragraphs[other][1][start:end + 1], titled=0.2)
        positive = article.passage(rng, index, window, titled=0.4)
    else:
        sentence = max(window, key=len) if rng.random() < 0.3 else rng.choice(window)
        sentence = " ".join(sentence.split()[:40])
        query, positive = thinned(rng, sentence), sentence
        if rng.random() < 0.3:
            query = query.lower()
    if not query or not positive or len(query.split()) < 1 or len(positive.split()) < 4:
        return None
    line = {"query": query, "positive": positive}
    if kind < DEFINITIONS and rng.random() < 0.45:
        other = rng.randrange(len(article.paragraphs))
        if alone:
            # The answer's neighbours speak of the same things and do not answer.
            others = [each for each in article.paragraphs[other][1] if each not in positive and each.count(" ") > 4]
            if others:
                line["negatives"] = [" ".join(rng.choice(others).split()[:60])]
        elif other != index:
            start, end = article.window(rng, other, words=50)
            line["negatives"] = [article.passage(rng, other, article.paragraphs[other][1][start:end + 1])]
    return line


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


def asked(data):
    """Questions of persons and the sentences that answer them."""
    if data is None:
        return
    for query, positive in squad(data):
        yield {"query": query, "positive": positive}
    sentences, questions, answers = wikiqa(data)
    for query, sentence in answers:
        yield {"query": questions[query]["text"], "positive": sentences[sentence]["text"]}


def untokenized(text):
    text = re.sub(r" ([.,;:?!%)])", r"\1", text)
    text = re.sub(r"\( ", "(", text)
    text = re.sub(r" ('s|n't|'re|'ve|'ll|'d)\b", r"\1", text)
    return re.sub(r" (``|'') ", " ", text).replace("``", "").replace("''", "").strip()


def main():
    arguments = parse()
    rng = random.Random(arguments.seed)
    # An asked pair may come again, in other batches, but not more than four times.
    questions = list(asked(arguments.data))
    share = min(int(arguments.count * 0.12), 4 * len(questions))
    lines = [questions[i % len(questions)] for i in range(share)]
    if len(lines) and arguments.count < len(questions):
        lines = rng.sample(questions, share)
    wanted = arguments.count - len(lines)
    size = arguments.text.stat().st_size
    # Longer articles give more pairs: one for so many bytes.
    step = max(200, size * 0.9 / wanted)
    made, debt = 0, 0.0
    for text in articles(arguments.text):
        article = Article(text)
        if not article.paragraphs:
            continue
        debt += sum(len(line) for line in text) / step
        while debt >= 1 and made < wanted:
            debt -= 1
            line = pair(rng, article)
            if line:
                lines.append(line)
                made += 1
        if made >= wanted:
            break
    rng.shuffle(lines)
    write(arguments.out, lines)
    print(f"{len(lines)} pairs, {share} of them asked by persons")


if __name__ == "__main__":
    main()
