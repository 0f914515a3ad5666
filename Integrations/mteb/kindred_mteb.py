#!/usr/bin/env python3
"""Evaluates an encoder that `kindred serve` serves with the mteb package, through POST /v1/embeddings.

The server adds the encoder's prompts: mteb's prompt type "query" or "document" goes out as `input_type`; tasks without one get
the encoder's standard prompt. A blank text has no vector in Kindred and counts as zeros here.

Usage: kindred_mteb.py [--url http://127.0.0.1:7700] [--model embedded] [--tasks SciFact,NFCorpus,STSBenchmark]
       kindred_mteb.py --check      runs two tiny tasks that need no download
Set KINDRED_TOKEN if the server asks for a token. Needs mteb; see Tools/requirements.txt.
"""

import argparse
import base64
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

import numpy as np
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ModelMeta, ScoringFunction

TEXTS_PER_REQUEST = 2048
# The server takes 8 MiB. A longer text goes alone.
BYTES_PER_REQUEST = 4 << 20


class KindredEncoder(AbsEncoder):
    """An encoder of a running server, as mteb calls it."""

    def __init__(self, model_name="embedded", revision=None, *, device=None, url="http://127.0.0.1:7700", token=None, **_):
        self.model_name = model_name
        self.url = url.rstrip("/")
        self.token = token or os.environ.get("KINDRED_TOKEN")
        self.dimensions = len(self._vectors(["dimensions"], None)[0])
        self.mteb_model_meta = ModelMeta.create_empty(
            {
                "name": f"kindred/{model_name}",
                "revision": revision or "served",
                "embed_dim": self.dimensions,
                "similarity_fn_name": ScoringFunction.COSINE,
                "use_instructions": True,
            }
        )

    def encode(self, inputs, *, task_metadata, hf_split, hf_subset, prompt_type=None, **kwargs):
        texts = [text for batch in inputs for text in batch["text"]]
        input_type = getattr(prompt_type, "value", prompt_type)
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        rows, size = [], 0
        for row, text in enumerate(texts):
            if not text.strip():
                continue
            # JSON writes a character of 3 bytes as 6.
            length = 2 * len(text.encode(errors="replace"))
            if rows and (len(rows) == TEXTS_PER_REQUEST or size + length > BYTES_PER_REQUEST):
                vectors[rows] = self._vectors([texts[row] for row in rows], input_type)
                rows, size = [], 0
            rows.append(row)
            size += length
        if rows:
            vectors[rows] = self._vectors([texts[row] for row in rows], input_type)
        return vectors

    def _vectors(self, texts, input_type):
        fields = {
            # A lone surrogate is no text.
            "input": [text.encode(errors="replace").decode() for text in texts],
            "model": self.model_name,
            "encoding_format": "base64",
            "input_type": input_type,
        }
        answer = self._post("/v1/embeddings", fields)
        return np.stack([np.frombuffer(base64.b64decode(row["embedding"]), dtype="<f4") for row in answer["data"]])

    def _post(self, path, fields):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, json.dumps(fields).encode(), headers)
        for attempt in range(5):
            try:
                with urllib.request.urlopen(request, timeout=1800) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                body = error.read().decode(errors="replace")
                # 503: too many texts wait for the encoder.
                if error.code != 503 or attempt == 4:
                    raise RuntimeError(f"{error.code} {body}") from None
            except (urllib.error.URLError, http.client.HTTPException):
                if attempt == 4:
                    raise
            time.sleep(2**attempt)


def small_tasks():
    """Retrieval and similarity of a few sentences; nothing is downloaded."""
    from datasets import Dataset, DatasetDict
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData
    from mteb.abstasks.sts import AbsTaskSTS
    from mteb.abstasks.task_metadata import TaskMetadata

    def described(name, kind, score):
        return TaskMetadata(
            name=name,
            type=kind,
            main_score=score,
            description="A few sentences, to check an adapter without a download.",
            reference=None,
            dataset={"path": "none", "revision": "1"},
            category="t2t",
            modalities=["text"],
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            date=("2026-01-01", "2026-01-01"),
            dialect=[],
            domains=[],
            task_subtypes=[],
            license="mit",
            annotations_creators="human-annotated",
            sample_creation="created",
            bibtex_citation="",
        )

    pairs = [
        ("how do bees tell each other where flowers are", "A forager dances, and the angle shows the direction of the food."),
        ("why is the sky blue", "Air scatters short waves of light more strongly than long ones."),
        ("what keeps bread from rising", "Too much salt or hot water kills the yeast, and the dough stays flat."),
        ("when do rivers freeze", "Flowing water turns to ice later than a lake, after many days of frost."),
        ("who invented movable type", "Gutenberg cast single letters of metal and set them into pages."),
    ]

    class SmallRetrieval(AbsTaskRetrieval):
        metadata = described("KindredSmallRetrieval", "Retrieval", "ndcg_at_10")

        def load_data(self, num_proc=None, **kwargs):
            corpus = [{"id": f"d{i}", "text": text, "title": ""} for i, (_, text) in enumerate(pairs)]
            queries = [{"id": f"q{i}", "text": text} for i, (text, _) in enumerate(pairs)]
            split = RetrievalSplitData(
                queries=Dataset.from_list(queries),
                corpus=Dataset.from_list(corpus),
                relevant_docs={f"q{i}": {f"d{i}": 1} for i in range(len(pairs))},
                top_ranked=None,
            )
            self.dataset = {"default": {"test": split}}
            self.data_loaded = True

    class SmallSimilarity(AbsTaskSTS):
        metadata = described("KindredSmallSimilarity", "STS", "cosine_spearman")
        min_score = 0
        max_score = 5

        def load_data(self, num_proc=None, **kwargs):
            rows = [
                ("A man plays a guitar.", "A man is playing the guitar.", 5.0),
                ("A man plays a guitar.", "Someone makes music.", 3.5),
                ("A man plays a guitar.", "A man rides a horse.", 1.5),
                ("A man plays a guitar.", "The interest rate was raised.", 0.0),
            ]
            columns = [list(column) for column in zip(*rows)]
            test = Dataset.from_dict({"sentence1": columns[0], "sentence2": columns[1], "score": columns[2]})
            self.dataset = DatasetDict({"test": test})
            self.data_loaded = True

    return [SmallRetrieval(), SmallSimilarity()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:7700")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--tasks", default="SciFact,NFCorpus,STSBenchmark", help="names of mteb's tasks")
    parser.add_argument("--check", action="store_true", help="run two tiny tasks that need no download")
    parser.add_argument("--results", help="directory for mteb's result files")
    arguments = parser.parse_args()

    import mteb

    model = KindredEncoder(arguments.model, url=arguments.url)
    tasks = small_tasks() if arguments.check else mteb.get_tasks(tasks=arguments.tasks.split(","))
    cache = mteb.ResultCache(arguments.results) if arguments.results else None
    results = mteb.evaluate(model, tasks, cache=cache, show_progress_bar=sys.stderr.isatty())
    print("| task | measure | score |\n|---|---|---:|")
    scores = []
    for task, result in zip(tasks, results.task_results):
        scores.append(result.get_score())
        print(f"| {result.task_name} | {task.metadata.main_score} | {scores[-1]:.4f} |")
    if arguments.check and min(scores) < 0.9:
        sys.exit("error: an encoder that works finds all of these")


if __name__ == "__main__":
    main()
