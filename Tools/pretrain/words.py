#!/usr/bin/env python3
"""First values for the base decoder: word vectors from Wikipedia, and a model directory that holds them.

A bag of token embeddings is trained to tell which passage a span, a title or a neighbouring paragraph belongs to
(in-batch negatives, cosine x 20; Henderson et al. 2017, Wieting et al. 2016 for averages of word vectors). That costs
minutes where a decoder would need hours to learn as much about words, and the decoder starts from it.

A vector's length says how much its token matters, and a decoder's norms would lose that. So the vectors take all but
the last dimension of the embedding, and the last one makes every row as long as the longest: norms then scale all rows
alike, and the final norm leaves that dimension out. The matrices that write to the residual stream start at zero, so that
the decoder starts as the bag of words it is made from. It predicts with a head of its own, so that the embedding can stay
what it is while blocks learn. Everything else is drawn at random as transformers does.

With --pairs it goes on, for --pair-steps more, with pairs as people ask (Tools/recipe/pairs.py): questions, lower case,
negatives of the same article. Then, for --mined-steps, each query of a part of them has a passage against it that the
vectors so far took for nearly as good (Xiong et al. 2021).

With --answers it learns, for --answer-steps, which sentence of an article answers a question (Tools/recipe/answers.py): the
answer against the article's other sentences, and, so that nothing is forgotten, the pairs beside it.

Reads OUT/train.bin and OUT/model/ (prepare.py) and writes

    OUT/words.safetensors    the vectors as trained, vocabulary x (hidden - 1)
    OUT/mined.npy            which passages stood against each query
    OUT/initial/             a Llama decoder in Hugging Face's layout; written last

A checkpoint is kept in OUT/words.pt; the same command goes on from it.

Usage: words.py --out runs/pretrain --steps 3500 [--pairs pairs.jsonl --pair-steps 1200 --mined-steps 300]
       [--answers answers.jsonl --answer-steps 600] [--hidden 384 --layers 4 ...] [--sts stsb.dev.tsv]
"""

import argparse
import json
import os
import shutil
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from scipy.sparse import csr_matrix
from torch.nn.functional import cross_entropy, normalize
from transformers import LlamaConfig, LlamaForCausalLM

warnings.filterwarnings("ignore", message="Sparse CSR")
SCALE = 20.0
SHORTEST_PARAGRAPH = 32
LONGEST_HEADING = 12
WINDOW = 160
TITLE = 12
ROW_LENGTH = 2.0
MINED, SEARCHED = 60_000, 250_000
QUERY, SENTENCE, NEGATIVES = 32, 64, 4


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--pair-steps", type=int, default=1500)
    parser.add_argument("--mined-steps", type=int, default=300)
    parser.add_argument("--mined-rate", type=float, default=1e-3)
    parser.add_argument("--pair-rate", type=float, default=3e-3)
    parser.add_argument("--answers", type=Path, help="needs --pairs")
    parser.add_argument("--answer-steps", type=int, default=600)
    parser.add_argument("--answer-rate", type=float, default=3e-3)
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--key-value-heads", type=int, default=2)
    parser.add_argument("--intermediate", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--rate", type=float, default=1e-2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sts", type=Path, help="score TAB sentence TAB sentence: Spearman's rho is logged")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.answers and not arguments.pairs:
        parser.error("--answers needs --pairs: they are learned beside each other")
    return arguments


class Lines:
    """Where titles, headings and paragraphs stand in the tokens."""

    def __init__(self, tokens, tokenizer):
        begin, newline = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("Ċ")
        stop = tokenizer.token_to_id(".")
        ends = np.flatnonzero((tokens == begin) | (tokens == newline))
        self.tokens = tokens
        self.start = ends + 1
        self.length = np.append(ends[1:], len(tokens)) - self.start
        self.is_title = tokens[ends] == begin
        numbers = np.arange(len(ends))
        self.title = np.maximum.accumulate(np.where(self.is_title, numbers, 0))
        last = tokens[np.minimum(self.start + np.maximum(self.length, 1) - 1, len(tokens) - 1)]
        heading = ~self.is_title & (self.length <= LONGEST_HEADING) & (last == stop)
        self.heading = np.maximum.accumulate(np.where(heading | self.is_title, numbers, 0))
        self.paragraphs = np.flatnonzero(~self.is_title & (self.length >= SHORTEST_PARAGRAPH))

    def piece(self, start, length, width):
        """Tokens from `start`, at most `width`: ids (count x width) and which of them count."""
        offsets = np.arange(width)[None, :]
        mask = offsets < length[:, None]
        return np.where(mask, self.tokens[np.minimum(start[:, None] + offsets, len(self.tokens) - 1)], 0), mask


def pairs(lines, count, random):
    """`count` queries and passages: ids and masks."""
    chosen = random.integers(0, len(lines.paragraphs), count)
    paragraph = lines.paragraphs[chosen]
    start, length = lines.start[paragraph], lines.length[paragraph]
    kind = random.random(count)

    # A window of the paragraph is the passage; a span of it, taken out of it, is the query.
    window = np.minimum(length, random.integers(32, WINDOW + 1, count))
    offset = (random.random(count) * (length - window + 1)).astype(np.int64)
    span = random.integers(4, 21, count)
    at = (random.random(count) * (window - span + 1)).astype(np.int64)
    query, query_mask = lines.piece(start + offset + at, span, 20)
    passage, passage_mask = lines.piece(start + offset, window, WINDOW)
    columns = np.arange(WINDOW)[None, :]
    inside = (columns >= at[:, None]) & (columns < (at + span)[:, None])
    removed = (kind < 0.45) & (random.random(count) < 0.9)
    passage_mask &= ~(inside & removed[:, None])

    # Title and heading as the query.
    named = (kind >= 0.45) & (kind < 0.7)
    title, heading = lines.title[paragraph], lines.heading[paragraph]
    titles, title_mask = lines.piece(lines.start[title], lines.length[title], TITLE)
    headings, heading_mask = lines.piece(lines.start[heading], lines.length[heading], 20 - TITLE)
    heading_mask &= (heading != title)[:, None]
    names, names_mask = np.concatenate([titles, headings], 1), np.concatenate([title_mask, heading_mask], 1)
    query[named], query_mask[named] = names[named], names_mask[named]

    # A paragraph nearby in the same article as the passage.
    near = np.clip(chosen + random.integers(1, 4, count) * random.choice([-1, 1], count), 0, len(lines.paragraphs) - 1)
    near = lines.paragraphs[near]
    moved = (kind >= 0.7) & (lines.title[near] == title)
    other, other_mask = lines.piece(lines.start[near], np.minimum(lines.length[near], window), WINDOW)
    passage[moved], passage_mask[moved] = other[moved], other_mask[moved]

    # Passages are stored with their titles.
    titled = (random.random(count) < np.where(named, 0.3, 0.6))[:, None]
    passage = np.concatenate([titles, passage], 1)
    passage_mask = np.concatenate([title_mask & titled, passage_mask], 1)
    return (query, query_mask), (passage, passage_mask)


def written_lines(path):
    """The objects of a file of JSON lines. (str.splitlines would also break lines at U+2028, which texts have.)"""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def encoded(tokenizer, texts, width):
    """Token ids (count x width) and which of them count."""
    ids, mask = np.zeros((len(texts), width), np.uint16), np.zeros((len(texts), width), bool)
    for start in range(0, len(texts), 4096):
        encodings = tokenizer.encode_batch_fast(texts[start : start + 4096], add_special_tokens=False)
        for row, encoding in enumerate(encodings, start):
            count = min(width, len(encoding.ids))
            ids[row, :count], mask[row, :count] = encoding.ids[:count], True
    return ids, mask


class WrittenPairs:
    """Pairs of a file as token ids; every epoch in another order."""

    def __init__(self, path, tokenizer):
        lines = written_lines(path)
        self.negated = np.array([bool(line.get("negatives")) for line in lines])
        self.queries = encoded(tokenizer, [line["query"] for line in lines], QUERY)
        self.positives = encoded(tokenizer, [line["positive"] for line in lines], TITLE + WINDOW)
        negatives = [(line.get("negatives") or [""])[0] for line in lines]
        self.negatives = encoded(tokenizer, negatives, TITLE + WINDOW)

    def batch(self, step, size, seed):
        """Queries, passages and the negatives of a quarter as many of them."""
        epoch, place = divmod(step * size, len(self.negated) // size * size)
        chosen = np.random.default_rng([seed, epoch]).permutation(len(self.negated))[place : place + size]
        negated = chosen[self.negated[chosen]][: size // 4]
        return [(ids[rows], mask[rows]) for (ids, mask), rows in
                [(self.queries, chosen), (self.positives, chosen), (self.negatives, negated)]]


class Answers:
    """Questions, the sentence that answers each, and sentences beside it, as token ids."""

    def __init__(self, path, tokenizer):
        lines = written_lines(path)
        self.queries = encoded(tokenizer, [line["query"] for line in lines], QUERY)
        self.positives = encoded(tokenizer, [line["positive"] for line in lines], SENTENCE)
        counts = np.array([min(len(line["negatives"]), NEGATIVES) for line in lines])
        self.negatives = encoded(tokenizer, [text for line in lines for text in line["negatives"][:NEGATIVES]], SENTENCE)
        self.negated = np.arange(NEGATIVES) < counts[:, None]
        # Where a line's negatives stand among all.
        self.rows = np.cumsum(self.negated.ravel()).reshape(self.negated.shape) - 1

    def loss(self, weights, step, size, seed):
        """That of telling each answer from all other answers and its own article's sentences, and from the latter alone."""
        size = min(size, len(self.rows))
        chosen = np.random.default_rng([seed, step]).choice(len(self.rows), size, replace=False)
        beside = self.negated[chosen]
        picked = [(self.queries, chosen), (self.positives, chosen), (self.negatives, self.rows[chosen][beside])]
        units = vectors(weights, [(ids[rows], mask[rows]) for (ids, mask), rows in picked])
        queries, scores = units[:size], SCALE * units[:size] @ units[size : 2 * size].T
        rows, columns = (torch.from_numpy(part) for part in np.nonzero(beside))
        others = torch.full((size, NEGATIVES), -1e4).index_put(
            (rows, columns), SCALE * (queries[rows] * units[2 * size :]).sum(1))
        targets = torch.arange(size)
        own = torch.cat([scores.diagonal()[:, None], others], 1)
        return (cross_entropy(torch.cat([scores, others], 1), targets) / 2 + cross_entropy(scores.T, targets) / 4
                + cross_entropy(own, torch.zeros_like(targets)))


def mined(weights, written, path):
    """For each of the first MINED queries two of the ten passages, among SEARCHED, that come next to its own."""
    if path.exists():
        return np.load(path)

    def units(pieces, count):
        ids, mask = pieces
        parts = range(0, min(count, len(ids)), 8192)
        return torch.cat([vectors(weights, [(ids[p : min(p + 8192, count)], mask[p : min(p + 8192, count)])]) for p in parts])

    random = np.random.default_rng(1)
    with torch.no_grad():
        passages = units(written.positives, SEARCHED)
        queries = units(written.queries, MINED)
        chosen = np.zeros((len(queries), 2), np.int64)
        for start in range(0, len(queries), 1024):
            part = queries[start : start + 1024]
            scores = part @ passages.T
            # What is as near as the answer may be one, too.
            own = (part * passages[start : start + len(part)]).sum(1, keepdim=True)
            best = scores.masked_fill_(scores >= 0.97 * own, -1).topk(10, dim=1).indices.numpy()
            chosen[start : start + len(part)] = np.take_along_axis(best, random.integers(0, 10, (len(part), 2)), 1)
    np.save(path, chosen)
    return chosen


def sparse(matrix):
    """The same in torch, which multiplies on every core."""
    parts = [torch.from_numpy(part) for part in (matrix.indptr, matrix.indices, matrix.data)]
    return torch.sparse_csr_tensor(*parts, size=matrix.shape, check_invariants=False)


class Bags(torch.autograd.Function):
    """Means of rows of the weights, as a product with a sparse matrix."""

    @staticmethod
    def forward(context, weights, bags):
        context.bags = bags
        return sparse(bags) @ weights

    @staticmethod
    def backward(context, gradient):
        return sparse(context.bags.T.tocsr()) @ gradient, None


def bag_matrix(ids, counts, vocabulary):
    """Rows of 1 / count where a bag holds a token; ids one bag after the other."""
    shares = np.repeat(1 / np.maximum(counts, 1).astype(np.float32), counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    return csr_matrix((shares, ids.astype(np.int32), starts), shape=(len(counts), vocabulary))


def vectors(weights, pieces):
    """Unit vectors of (ids, mask) pieces, one after the other."""
    ids = np.concatenate([ids[mask] for ids, mask in pieces])
    counts = np.concatenate([mask.sum(1) for _, mask in pieces])
    return normalize(Bags.apply(weights, bag_matrix(ids, counts, len(weights))), dim=1)


def correlation(weights, tokenizer, path):
    from scipy.stats import spearmanr

    rows = [line.split("\t") for line in path.read_text().splitlines()]

    def encoded(texts):
        ids = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
        bags = bag_matrix(np.concatenate(ids), np.array([len(i) for i in ids]), len(weights))
        return normalize(torch.from_numpy(bags @ weights.numpy()), dim=1)

    cosines = (encoded([r[1] for r in rows]) * encoded([r[2] for r in rows])).sum(1)
    return round(float(spearmanr([float(r[0]) for r in rows], cosines.numpy()).statistic), 4)


def save(path, value):
    temporary = path.with_suffix(".tmp")
    torch.save(value, temporary)
    os.replace(temporary, path)


def embedding(weights):
    """The decoder's first embedding: rows of one length."""
    longest = weights.norm(dim=1).quantile(0.999)
    weights = weights * (longest / weights.norm(dim=1, keepdim=True)).clamp(max=1)
    rest = (longest**2 - (weights**2).sum(1, keepdim=True)).clamp(min=0).sqrt()
    return torch.cat([weights, rest], 1) * ROW_LENGTH / longest


def main():
    arguments = parse()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    random = np.random.default_rng(arguments.seed)
    tokenizer = Tokenizer.from_file(str(arguments.out / "model" / "tokenizer.json"))
    lines = Lines(np.fromfile(arguments.out / "train.bin", dtype="<u2"), tokenizer)
    print(f"{len(lines.paragraphs)} paragraphs", flush=True)
    vocabulary = tokenizer.get_vocab_size()
    weights = torch.nn.Parameter(torch.randn(vocabulary, arguments.hidden - 1) / arguments.hidden**0.5)
    optimizer = torch.optim.Adam([weights], lr=arguments.rate, fused=True)
    step, smoothed, checkpoint = 0, None, arguments.out / "words.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False)
        step, smoothed = state["step"], state["loss"]
        with torch.no_grad():
            weights.copy_(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        random.bit_generator.state = state["random"]
        print(f"resumed at step {step}", flush=True)
    written = WrittenPairs(arguments.pairs, tokenizer) if arguments.pairs else None
    first_mined = arguments.steps + arguments.pair_steps
    first_answer = first_mined + arguments.mined_steps if written else arguments.steps
    answers = Answers(arguments.answers, tokenizer) if arguments.answers else None
    total = first_answer + (arguments.answer_steps if answers else 0)
    negatives = None
    started, first = time.monotonic(), step
    while step < total:
        batch = arguments.batch if not first_mined <= step < first_answer else arguments.batch // 2
        if step < arguments.steps:
            rate = arguments.rate * min((step + 1) / 100, 1 - step / arguments.steps)
            pieces = pairs(lines, arguments.batch, random)
        elif step < first_mined:
            done = step - arguments.steps
            rate = arguments.pair_rate * min((done + 1) / 50, 1 - done / arguments.pair_steps)
            pieces = written.batch(done, arguments.batch, arguments.seed)
        elif step >= first_answer:
            done = step - first_answer
            rate = arguments.answer_rate * min((done + 1) / 30, 1 - done / arguments.answer_steps)
            pieces = written.batch(done, arguments.batch, arguments.seed + 1)
        else:
            if negatives is None:
                negatives = mined(weights.detach(), written, arguments.out / "mined.npy")
            done = step - first_mined
            rate = arguments.mined_rate * min((done + 1) / 30, 1 - done / arguments.mined_steps)
            chosen = np.random.default_rng([arguments.seed, done]).choice(len(negatives), batch, replace=False)
            against = negatives[chosen, done % 2]
            pieces = [(ids[rows], mask[rows]) for (ids, mask), rows in
                      [(written.queries, chosen), (written.positives, chosen), (written.positives, against)]]
        optimizer.param_groups[0]["lr"] = rate
        units = vectors(weights, pieces)
        scores = SCALE * units[:batch] @ units[batch:].T
        targets = torch.arange(batch)
        backwards = scores[:, :batch].T
        loss = (cross_entropy(scores, targets) + cross_entropy(backwards, targets)) / 2
        if step >= first_answer:
            loss = loss + answers.loss(weights, done, arguments.batch // 2, arguments.seed)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        smoothed = loss.item() if smoothed is None else 0.98 * smoothed + 0.02 * loss.item()
        if step % 100 == 0:
            seconds = (time.monotonic() - started) / (step - first)
            record = {"step": step, "loss": round(smoothed, 4), "seconds_per_step": round(seconds, 3)}
            if arguments.sts and step % 500 == 0:
                record["sts"] = correlation(weights.detach(), tokenizer, arguments.sts)
            print(json.dumps(record), flush=True)
        if step % 500 == 0 or step == total:
            state = {"step": step, "loss": smoothed, "weights": weights.detach(), "random": random.bit_generator.state}
            save(checkpoint, state | {"optimizer": optimizer.state_dict()})
    with torch.no_grad():
        save_file({"words": weights.detach().contiguous()}, arguments.out / "words.safetensors")
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=vocabulary, hidden_size=arguments.hidden, intermediate_size=arguments.intermediate,
                num_hidden_layers=arguments.layers, num_attention_heads=arguments.heads,
                num_key_value_heads=arguments.key_value_heads, max_position_embeddings=512, rms_norm_eps=1e-5,
                tie_word_embeddings=False, bos_token_id=0, eos_token_id=1, pad_token_id=1,
            )
        )
        model.model.embed_tokens.weight.copy_(embedding(weights))
        model.model.norm.weight[-1] = 0
        for block in model.model.layers:
            block.self_attn.o_proj.weight.zero_()
            block.mlp.down_proj.weight.zero_()
        initial = arguments.out / "initial"
        model.save_pretrained(initial)
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(arguments.out / "model" / name, initial)
    (initial / "llm2vec_config.json").write_text(
        json.dumps({"pooling_mode": "mean", "max_length": 512, "attention": "causal"}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
