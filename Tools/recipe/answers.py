#!/usr/bin/env python3
"""Questions, each with the sentence that answers it and sentences of the same article that do not.

Who looks for an answer mostly names its article, so that the question word has to tell its sentences apart: `when` a date
from a number, `who` a name, `what is` the first sentence from all others. Pairs with passages of other articles
(pairs.py) hardly teach that. Writes JSON lines {"query", "positive", "negatives"} in random order; a sentence has its
article's title before it, as the index stores it, six times of ten, and then all of a line's sentences have it.

| source | share | query |
|---|---|---|
| questions of persons | 4 times each, 8 times | SQuAD (train), WikiQA (train) |
| first sentences | 18 % | what, who or where the title is |
| sentences with a date, number, name, place or reason | the rest | a question word, the title, and some of the sentence's words that are not the answer (after Lewis et al. 2019) |

Questions of evaluation sets are not read.

Usage: answers.py --text runs/pretrain/train.txt --data SHARED-DATA --out answers.jsonl --count 400000 [--seed 1]
"""

import argparse
import random
import re
from pathlib import Path

from pairs import STOP, WORD, Article, articles, definition, squad, untokenized, wikiqa, write

NEGATIVES = 4
MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
DATE = re.compile(
    rf"\b(?:\d{{1,2}} )?(?:{MONTH})(?: \d{{1,2}})?(?:, \d{{3,4}}| \d{{4}})?\b|\b(?:1\d|20)\d\d(?:s|[–-]\d+)?\b|\b\d+(?:st|nd|rd|th) century\b")
NUMBER = re.compile(
    r"\b(?:\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|hundred|thousand)\b[ -]?(million|billion|percent|%|°)?"
    r" ?([a-z]{3,})?")
NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][\w’'.-]+ ){1,3}[A-Z][\w’'-]+|(?<=by )[A-Z][\w’'-]+")
PLACE = re.compile(r"\b(?:in|at|near|from|of) (?:the )?((?:[A-Z][\w’'-]+,? ?){1,4})")
REASON = re.compile(r"\b(?:because|due to|as a result|in order to|caused by|so that|led to|therefore)\b")
MEANS = re.compile(r"\b(?:by|using|through|via|with) (?:\w+ ){0,2}\w+ing\b|\busing\b|\bby means of\b|\bmethod\b|\bprocess\b")
MEASURE = {
    "long": {"km", "kilometres", "kilometers", "miles", "metres", "meters", "feet", "length", "years", "months", "days", "hours",
             "minutes", "weeks", "inches"},
    "tall": {"height", "high", "tall", "metres", "feet"},
    "big": {"area", "hectares", "acres", "population", "square", "size", "employees"},
    "old": {"age", "aged", "years", "born"},
    "much": {"million", "billion", "dollars", "$", "cost", "price", "kg", "pounds", "percent", "tonnes", "tons"},
    "far": {"km", "miles", "distance", "kilometres", "light-years"},
    "fast": {"speed", "mph", "km/h", "knots"},
    "deep": {"depth", "deep", "metres", "feet"},
}
PAST = re.compile(r"(?:[a-z]{3,})ed$")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="train.txt of prepare.py")
    parser.add_argument("--data", type=Path, required=True, help="directory with pairs/ and retrieval/wikiqa")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=400_000)
    parser.add_argument("--asked", action="store_true", help="the questions of persons alone, all of them or --count")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def base_form(word, known):
    """`died` as in `when did ... die`, where the shorter form is a word of the text too."""
    if PAST.match(word):
        for form in (word[:-2], word[:-1], word[:-3]):
            if form in known:
                return form
    return word


def words_of(rng, text, answer, share, known):
    """Some of the sentence's words in order, none of the answer's."""
    hidden = set(WORD.findall(answer.lower()))
    kept = [word for word in WORD.findall(text) if word.lower() not in hidden and word.lower() not in STOP]
    kept = [base_form(word.lower(), known) if word[0].islower() else word for word in kept if rng.random() < share]
    return kept[:7]


def question(rng, title, sentence, known):
    """A question that the sentence answers, or at least asks about: the title and some of its words."""
    options = []
    if found := DATE.search(sentence):
        options.append((found.group(0), ["when did", "when was", "when", "what year did", "what year was", "when is", "what date"], 1.4))
    if (found := NUMBER.search(sentence)) and not DATE.search(found.group(0)):
        unit = found.group(2) or found.group(1) or ""
        asked = [f"how {key}" for key, units in MEASURE.items() if set(sentence.lower().split()) & units]
        options.append((found.group(0), asked * 2 + [f"how many {unit}", "how many", f"number of {unit}"], 1.2))
    names = [name for name in NAME.findall(sentence) if title not in name and name not in title]
    if names:
        options.append((rng.choice(names), ["who", "who did", "who was", "what", "which", "who is", "name of"], 1.2))
    places = [place for place in PLACE.findall(sentence) if place.strip(" ,") not in title]
    if places:
        options.append((places[0], ["where is", "where was", "where did", "where", "what country", "what city", "where does"], 0.8))
    if found := REASON.search(sentence):
        options.append((sentence[found.start():], ["why", "why did", "why is", "what caused", "how did", "what causes"], 1.5))
    if found := MEANS.search(sentence):
        options.append((sentence[found.start():], ["how", "how is", "how does", "how are", "how do", "how did", "how to"], 1.2))
    options.append(("", ["what", "what is", "what are", "which", "what does", "how", "what was", "what type of", "what kind of", ""], 0.7))
    answer, forms, _ = rng.choices(options, [option[2] for option in options])[0]
    kept = words_of(rng, sentence, answer, rng.choice([0.15, 0.3, 0.5]), known)
    named = title.split(" (")[0]
    if rng.random() < 0.2 and " " in named:
        named = rng.choice(named.split())
    parts = [named, " ".join(kept)] if rng.random() < 0.6 else [" ".join(kept), named]
    if rng.random() < 0.12 and len(kept) > 2:
        parts = [" ".join(kept)]
    asked = " ".join(" ".join([rng.choice(forms), *parts]).split())
    return (asked.lower() if rng.random() < 0.75 else asked) + ("?" if rng.random() < 0.4 else "")


def line(rng, query, title, positive, others, titled=0.6):
    wrong = rng.sample(others, min(NEGATIVES, len(others)))
    head = title + "\n" if title and rng.random() < titled else ""
    return {"query": query, "positive": head + positive, "negatives": [head + text for text in wrong]}


def asked(rng, data):
    """Questions of persons: SQuAD's come article by article, so that what others near them ask for is of the same article."""
    rows = list(squad(data))
    for index, (query, positive) in enumerate(rows):
        near = rows[max(0, index - 25) : index + 26]
        # Of the same article: it shares a rare word with it.
        mine = set(WORD.findall(positive.lower())) - STOP
        others = sorted({text for _, text in near if text != positive and mine & (set(WORD.findall(text.lower())) - STOP)})
        for _ in range(4):
            yield line(rng, query, None, positive, others)
    corpus, queries, answers = wikiqa(data)
    articles = {}
    for key in corpus:
        articles.setdefault(key.rsplit("-", 1)[0], []).append(key)
    right = {}
    for query, passage in answers:
        right.setdefault(query, []).append(passage)
    for query, passages in right.items():
        for passage in passages:
            row = corpus[passage]
            others = [untokenized(corpus[key]["text"]) for key in articles[passage.rsplit("-", 1)[0]] if key not in passages]
            for _ in range(8):
                yield line(rng, queries[query]["text"], row["title"], untokenized(row["text"]), others, titled=0.8)


def frequent_words(text):
    counts = {}
    for word in re.findall(r"[a-z]{3,}", text):
        counts[word] = counts.get(word, 0) + 1
    return {word for word, count in counts.items() if count >= 20}


def made(rng, path, wanted):
    """`wanted` questions made of articles' sentences, or as many as there are; longer articles give more."""
    with open(path, encoding="utf-8") as file:
        known = frequent_words(file.read(20_000_000))
    lines = []
    step = max(200, path.stat().st_size * 0.9 / wanted)
    debt = 0.0
    for text in articles(path):
        article = Article(text)
        sentences = [each for _, part in article.paragraphs for each in part if 5 <= each.count(" ") < 60]
        debt = min(debt + sum(len(each) for each in text) / step, 40)
        if len(sentences) < 4:
            continue
        while debt >= 1 and len(lines) < wanted:
            debt -= 1
            first = rng.random() < 0.18
            positive = article.paragraphs[0][1][0] if first else rng.choice(sentences)
            if not 4 <= positive.count(" ") < 60:
                continue
            query = definition(rng, article.title.split(" (")[0]) if first else question(rng, article.title, positive, known)
            others = [each for each in rng.sample(sentences, min(12, len(sentences))) if each != positive]
            lines.append(line(rng, query, article.title, positive, others))
        if len(lines) >= wanted:
            break
    return lines


def main():
    arguments = parse()
    rng = random.Random(arguments.seed)
    lines = list(asked(rng, arguments.data))
    most = arguments.count if arguments.asked else arguments.count // 2
    if len(lines) > most:
        lines = rng.sample(lines, most)
    persons = len(lines)
    if not arguments.asked:
        lines += made(rng, arguments.text, arguments.count - persons)
    rng.shuffle(lines)
    write(arguments.out, lines)
    print(f"{len(lines)} lines, {persons} of them asked by persons")


if __name__ == "__main__":
    main()
