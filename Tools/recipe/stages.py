#!/usr/bin/env python3
"""The training stages in PyTorch, for a machine with a GPU: same inputs and same directories as `kindred train`.

    stages.py mntp    --model DIR --texts DIR --out DIR     masked next token prediction; LoRA; writes DIR/adapter
    stages.py simcse  --model DIR --texts DIR --out DIR     sentences against themselves under dropout; LoRA
    stages.py narrow  --model DIR --texts DIR --out DIR --width N     fewer feed-forward channels; adapters merged
    stages.py distill --model DIR --texts DIR --labels DIR --out DIR     the teacher's vectors; all weights; DIR/model
    stages.py pairs   --model DIR --mined FILE --texts DIR --labels DIR --out DIR     the teacher's scores of mined texts

--model names a model directory, or an adapter that this program wrote (DIR/adapter); its weights are merged first.
DIR/log.jsonl has one line per measurement: tokens, seconds, loss, and with --data the dev sets.
"""

import argparse
import json
import time
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

import student as students
from dev_sets import DevSets
from shared_data import read

CUT = 288  # tokens of a text; the teacher reads 256 word pieces


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["mntp", "simcse", "narrow", "distill", "pairs"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--mined", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="holds sts/ and retrieval/: the dev sets are measured on the way")
    parser.add_argument("--layers", type=int, help="other than the directory has: the first ones, or more, which begin at random")
    parser.add_argument("--width", type=int, help="channels of a feed-forward layer that are kept, by their outputs")
    parser.add_argument("--tokens", type=float, default=20e6, help="of the whole run")
    parser.add_argument("--batch-tokens", type=int, default=32_768)
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--warmup", type=float, default=0.04, help="share of the run")
    parser.add_argument("--eight-bits-from", type=float, default=1.0,
                        help="share of the run after which activations and weights are rounded to 8 bits")
    parser.add_argument("--relational", type=float, default=0.0, help="weight of the divergence of in-batch similarities")
    parser.add_argument("--human-share", type=int, default=2, help="how often a human-written text comes in an epoch")
    parser.add_argument("--measures", type=int, default=4, help="measures of the dev sets on the way")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Tokens:
    """Token sequences, one after the other, on the device."""

    def __init__(self, flat, lengths):
        self.lengths = lengths.astype(np.int64)
        self.flat = torch.from_numpy(flat.astype(np.int32)).to(DEVICE)
        self.starts = torch.from_numpy(np.concatenate([[0], self.lengths.cumsum()[:-1]])).to(DEVICE)
        self.counts = torch.from_numpy(self.lengths).to(DEVICE)

    def batch(self, rows):
        """Tokens [texts, length] and lengths of the texts `rows`."""
        counts, starts = self.counts[rows], self.starts[rows]
        length = -(-int(self.lengths[rows.cpu().numpy()].max()) // 8) * 8
        places = torch.arange(length, device=DEVICE)
        inside = places < counts[:, None]
        tokens = self.flat[(starts[:, None] + places).clamp(max=len(self.flat) - 1)].long()
        return tokens * inside, counts


class Corpus(Tokens):
    """The texts of a directory; with the teacher's vectors where there are labels."""

    def __init__(self, tokenizer, texts, labels=None, pattern="*.jsonl"):
        flat, lengths, vectors, from_wikipedia = [], [], [], []
        digest = zlib.crc32(tokenizer.to_str().encode()) % 10**8
        for path in sorted(texts.glob(pattern)):
            label = labels / f"{path.stem}.npy" if labels else None
            if label is not None and not label.exists():
                continue
            cache = path.with_suffix(f".{digest}.npz")
            if not cache.exists():
                ids, count = tokenized(tokenizer, read(path))
                np.savez(cache, flat=ids, count=count)
            stored = np.load(cache)
            flat.append(stored["flat"])
            lengths.append(stored["count"])
            from_wikipedia.append(np.full(len(lengths[-1]), path.stem.startswith("wikipedia")))
            if label is not None:
                vectors.append(np.load(label))
                assert len(vectors[-1]) == len(lengths[-1]), f"{path}: {len(lengths[-1])} texts, {len(vectors[-1])} vectors"
        super().__init__(np.concatenate(flat), np.concatenate(lengths))
        self.vectors = torch.from_numpy(np.concatenate(vectors)).to(DEVICE) if vectors else None
        self.from_wikipedia = np.concatenate(from_wikipedia)


def tokenized(tokenizer, texts):
    ids = [encoding.ids[:CUT] for encoding in tokenizer.encode_batch_fast(texts)]
    return np.concatenate([np.array(i, dtype=np.uint16) for i in ids]), np.array([len(i) for i in ids], dtype=np.uint16)


def batches(rng, lengths, rows, budget):
    """Endless lists of texts of like length, at most `budget` tokens with their padding."""
    while True:
        order = rng.permutation(rows)
        window = max(1, int(64 * budget / lengths[rows].mean()))
        for start in range(0, len(order), window):
            part = order[start : start + window]
            part = part[np.argsort(lengths[part], kind="stable")]
            cuts, begin = [], 0
            while begin < len(part):
                end = min(len(part), begin + max(2, budget // 8))
                longest = -(-lengths[part[begin:end]] // 8) * 8
                fits = np.searchsorted(longest * np.arange(1, end - begin + 1) > budget, True)
                end = begin + max(1, int(fits))
                cuts.append(part[begin:end])
                begin = end
            for index in rng.permutation(len(cuts)):
                if len(cuts[index]) > 1:
                    yield cuts[index]


def opened(arguments, dimensions=None):
    """The student, adapters merged, and the directory that its tokenizer comes from."""
    chain, directory = [], arguments.model
    while (directory / "adapter_config.json").exists():
        chain.append(directory)
        directory = Path(json.loads((directory / "adapter_config.json").read_text())["base_model_name_or_path"])
    student = students.load(directory, arguments.layers, dimensions)
    for adapter in reversed(chain):
        merge(student, adapter)
    return student.to(DEVICE), directory


def merge(student, adapter):
    configuration = json.loads((adapter / "adapter_config.json").read_text())
    # An adapter of a bare decoder lacks the "model." of one with a head.
    tensors = {name[name.index("layers."):]: value
               for name, value in load_file(adapter / "adapter_model.safetensors").items()}
    with torch.no_grad():
        for name, rows, _ in students.linears(student):
            a, b = (tensors[f"{name}.lora_{letter}.weight"].to(rows.device) for letter in "AB")
            rows += configuration["lora_alpha"] / configuration["r"] * b @ a


def encoder(student, tokenizer):
    """texts → unit vectors on the device."""
    @torch.no_grad()
    def encode(texts):
        training = student.training
        student.eval()
        flat, lengths = tokenized(tokenizer, list(texts))
        starts, order = np.concatenate([[0], lengths.astype(np.int64).cumsum()]), np.argsort(lengths, kind="stable")
        found = None
        for begin in range(0, len(order), 256):
            rows = order[begin : begin + 256]
            longest = -(-int(lengths[rows].max()) // 8) * 8
            tokens = np.zeros((len(rows), longest), dtype=np.int64)
            for row, index in enumerate(rows):
                tokens[row, : lengths[index]] = flat[starts[index] : starts[index + 1]]
            with autocast():
                vectors = student(torch.from_numpy(tokens).to(DEVICE),
                                  torch.from_numpy(lengths[rows].astype(np.int64)).to(DEVICE))
            found = torch.empty(len(texts), vectors.shape[1], device=DEVICE) if found is None else found
            found[torch.from_numpy(rows).to(DEVICE)] = F.normalize(vectors.float(), dim=1)
        student.train(training)
        return found
    return encode


def autocast():
    return torch.autocast(DEVICE, dtype=torch.bfloat16, enabled=DEVICE == "cuda")


class Run:
    """The steps that all stages share: rate, clipping, log, measures."""

    def __init__(self, arguments, student, tokenizer, parameters):
        self.arguments, self.student = arguments, student
        groups = [{"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.01},
                  {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=arguments.rate, betas=(0.9, 0.98), fused=DEVICE == "cuda")
        self.parameters, self.seen, self.losses, self.steps = parameters, 0, [], 0
        self.began, self.dev = time.time(), DevSets(arguments.data) if arguments.data else None
        self.encode = encoder(student, tokenizer)
        self.log = open(arguments.out / "log.jsonl", "a")
        if arguments.compile:
            for block in student.blocks:
                block.forward = torch.compile(block.forward, dynamic=True)
        student.train()

    @property
    def share(self):
        return self.seen / self.arguments.tokens

    def step(self, loss, tokens):
        warmup, share = self.arguments.warmup, self.share
        rate = share / warmup if share < warmup else max(0.0, 1 - share) / (1 - warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.arguments.rate * max(rate, 1e-3)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        before, self.seen, self.steps = self.share, self.seen + tokens, self.steps + 1
        self.losses.append(loss.detach())
        if not self.student.eight_bits and self.share >= self.arguments.eight_bits_from:
            self.student.set_eight_bits(True)
        parts = self.arguments.measures
        if self.share >= 1 or self.losses[10:] and (int(before * parts * 4) < int(self.share * parts * 4)):
            self.measure(int(before * parts) < int(self.share * parts) or self.share >= 1)

    def measure(self, dev_sets):
        line = {"stage": self.arguments.stage, "tokens": self.seen, "steps": self.steps, "seconds": round(time.time() - self.began, 1),
                "loss": round(torch.stack(self.losses).mean().item(), 5)}
        self.losses = []
        if dev_sets and self.dev:
            clock = time.time()
            line |= self.dev.measure(self.encode)
            self.began += time.time() - clock
        print(json.dumps(line), flush=True)
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()


def mntp(arguments, student, tokenizer):
    """Masked next token prediction (BehnamGhader et al. 2024, §2.2): a masked token from the state of the one before it."""
    corpus = Corpus(tokenizer, arguments.texts, pattern="wikipedia-*.jsonl")
    generator = torch.Generator(DEVICE).manual_seed(arguments.seed)
    mask, first, vocabulary = tokenizer.token_to_id("_"), tokenizer.encode("").ids[0], student.c["vocab_size"]
    length, rows = 128, arguments.batch_tokens // 128
    parameters = adapted(student, 16, 32, 0.05)
    run = Run(arguments, student, tokenizer, parameters)
    while run.share < 1:
        starts = torch.randint(len(corpus.flat) - length, (rows, 1), device=DEVICE, generator=generator)
        tokens = corpus.flat[starts + torch.arange(length, device=DEVICE)].long()
        tokens[:, 0] = first
        draw = torch.rand(tokens.shape, device=DEVICE, generator=generator)
        kind = torch.rand(tokens.shape, device=DEVICE, generator=generator)
        chosen = draw < 0.2
        chosen[:, 0] = False
        other = torch.randint(vocabulary, tokens.shape, device=DEVICE, generator=generator)
        seen = torch.where(chosen & (kind < 0.8), mask, torch.where(chosen & (kind > 0.9), other, tokens))
        with autocast():
            states = student.states(seen, torch.full((rows,), length, device=DEVICE))
            logits = F.linear(states[:, :-1][chosen[:, 1:]], student.embedding)
            loss = F.cross_entropy(logits.float(), tokens[:, 1:][chosen[:, 1:]])
        run.step(loss, tokens.numel())


def simcse(arguments, student, tokenizer):
    """Each sentence against itself under other dropout (Gao et al. 2021; LLM2Vec: dropout .3, temperature .05)."""
    corpus = Corpus(tokenizer, arguments.texts, pattern="wikipedia-*.jsonl")
    sentences = np.flatnonzero((corpus.lengths >= 12) & (corpus.lengths <= 64))
    for block in student.blocks:
        block.attention_dropout = 0.3
    run = Run(arguments, student, tokenizer, adapted(student, 16, 32, 0.05))
    for rows in batches(np.random.default_rng(arguments.seed), corpus.lengths, sentences, arguments.batch_tokens):
        tokens, lengths = corpus.batch(torch.from_numpy(rows).to(DEVICE))
        with autocast():
            first, second = (F.normalize(student(tokens, lengths).float(), dim=1) for _ in range(2))
            loss = F.cross_entropy(20 * first @ second.T, torch.arange(len(rows), device=DEVICE))
        run.step(loss, tokens.numel())
        if run.share >= 1:
            break


def adapted(student, rank, alpha, dropout):
    for parameter in student.parameters():
        parameter.requires_grad_(False)
    for module in student.modules():
        if isinstance(module, students.Linear):
            module.adapt(rank, alpha, dropout)
    return [p for p in student.parameters() if p.requires_grad]


def placed(student, corpus, rows, relational):
    """1 - cosine to the teacher's vector, and the divergence of in-batch similarities (temperature .05) by its weight."""
    tokens, lengths = corpus.batch(rows)
    target = corpus.vectors[rows].float()
    with autocast():
        vectors = student(tokens, lengths)
    vectors = F.normalize(vectors.float(), dim=1)
    loss = 1 - (vectors * target).sum(1).mean()
    if relational:
        itself = torch.eye(len(rows), device=DEVICE, dtype=torch.bool)
        wanted, found = ((20 * v @ v.T).masked_fill(itself, -1e4) for v in (target, vectors))
        loss = loss + relational * F.kl_div(F.log_softmax(found, 1), F.log_softmax(wanted, 1), reduction="batchmean", log_target=True)
    return loss, tokens.numel()


def epochs(arguments, corpus, seed):
    """Texts of an epoch: human-written ones come --human-share times."""
    rows = np.arange(len(corpus.lengths))
    rows = np.concatenate([rows, np.repeat(rows[~corpus.from_wikipedia], arguments.human_share - 1)])
    return batches(np.random.default_rng(seed), corpus.lengths, rows, arguments.batch_tokens)


def narrow(arguments, student, tokenizer):
    corpus = Corpus(tokenizer, arguments.texts)
    step = max(1, len(corpus.lengths) // 500)
    students.narrow(student, arguments.width, *corpus.batch(torch.arange(0, len(corpus.lengths), step)))


def distill(arguments, student, tokenizer):
    corpus = Corpus(tokenizer, arguments.texts, arguments.labels)
    run = Run(arguments, student, tokenizer, list(student.parameters()))
    for rows in epochs(arguments, corpus, arguments.seed):
        loss, tokens = placed(student, corpus, torch.from_numpy(rows).to(DEVICE), arguments.relational)
        run.step(loss, tokens)
        if run.share >= 1:
            break


def pairs(arguments, student, tokenizer):
    """Questions against texts by the teacher's scores (sentence-transformers, DistillKLDivLoss; temperature .05), a batch of
    them beside each batch of texts with the teacher's vectors, so that the space stays in place."""
    lines = read(arguments.mined)
    ids = {}
    groups = np.array([[ids.setdefault(text, len(ids)) for text in [line["query"], line["positive"], *line["negatives"]]]
                       for line in lines])
    scores = torch.tensor([line["scores"] for line in lines], device=DEVICE)
    asked = Tokens(*tokenized(tokenizer, list(ids)))
    corpus = Corpus(tokenizer, arguments.texts, arguments.labels)
    placements = epochs(arguments, corpus, arguments.seed)
    student.set_eight_bits(arguments.eight_bits_from < 1)
    run = Run(arguments, student, tokenizer, list(student.parameters()))
    longest = asked.lengths[groups[:, 1:]].max(1)
    weight = groups.shape[1] - 1
    for chosen in batches(np.random.default_rng(arguments.seed), longest * weight, np.arange(len(groups)), arguments.batch_tokens):
        group = torch.from_numpy(groups[chosen]).to(DEVICE)
        queries, candidates = asked.batch(group[:, 0]), asked.batch(group[:, 1:].reshape(-1))
        with autocast():
            q = F.normalize(student(*queries).float(), dim=1)
            c = F.normalize(student(*candidates).float(), dim=1).view(len(chosen), -1, q.shape[1])
        found = 20 * torch.einsum("nd,nkd->nk", q, c)
        wanted = F.log_softmax(20 * scores[torch.from_numpy(chosen).to(DEVICE)], 1)
        divergence = F.kl_div(F.log_softmax(found, 1), wanted, reduction="batchmean", log_target=True)
        texts = next(placements)
        place, tokens = placed(student, corpus, torch.from_numpy(texts).to(DEVICE), 0)
        run.step(divergence * arguments.relational + place, tokens + queries[0].numel() + candidates[0].numel())
        if run.share >= 1:
            break


def main():
    arguments = parse()
    if arguments.stage == "narrow" and not arguments.width:
        raise SystemExit("error: narrow needs --width")
    torch.manual_seed(arguments.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "stage.json").write_text(json.dumps({k: str(v) for k, v in vars(arguments).items()}, indent=2) + "\n")
    dense = arguments.model / "2_Dense" / "config.json"
    maps = arguments.stage == "distill" and not dense.exists()
    student, source = opened(arguments, 384 if maps else None)
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    stage = {"mntp": mntp, "simcse": simcse, "narrow": narrow, "distill": distill, "pairs": pairs}[arguments.stage]
    stage(arguments, student, tokenizer)
    if arguments.stage in ("mntp", "simcse"):
        students.save_adapter(student, arguments.out / "adapter", arguments.model, source, 32)
    else:
        students.save(student, arguments.out / "model", source)


if __name__ == "__main__":
    main()
