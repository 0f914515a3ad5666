#!/usr/bin/env python3
"""Makes the fixtures of KindredTrainingTests: gradients and losses of transformers and peft on the tiny decoders of
KindredEncoderTests (run encoder_goldens.py first).

For each decoder: the gradient of every parameter, and of every matrix of a LoRA adapter, for a loss over predicted tokens
and for a contrastive loss; the same for distillation through a linear map, and for pairs with a teacher's scores; then the losses of 20 steps of masked next token prediction and of SimCSE with AdamW, a
clipped norm and a linear schedule with warm-up. Dropout is off. Sequences are run one by one, so nothing is padded.

Usage: training_goldens.py   (needs torch, transformers, peft; written with torch 2.15.0, transformers 5.23.0,
peft 0.21.2)
"""

import json
import random
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, get_linear_schedule_with_warmup

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "Tests/KindredEncoderTests/Fixtures"
FIXTURES = HERE.parent.parent / "Tests/KindredTrainingTests/Fixtures"
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS, WARMUP, RATE, SCALE = 20, 3, 5e-3, 20.0


def load(name):
    return AutoModelForCausalLM.from_pretrained(MODELS / name, attn_implementation="eager", dtype=torch.float32)


def states(model, tokens, bidirectional):
    ids = torch.tensor([tokens])
    mask = torch.zeros(1, 1, len(tokens), len(tokens)) if bidirectional else None
    return model(input_ids=ids, attention_mask=mask).last_hidden_state[0]


def example(rng):
    tokens = [rng.randrange(2, 800) for _ in range(rng.randrange(5, 15))]
    positions = sorted(rng.sample(range(1, len(tokens)), rng.randrange(1, 4)))
    return {"tokens": tokens, "positions": positions, "targets": [rng.randrange(800) for _ in positions]}


def prediction_loss(model, head, batch, bidirectional):
    losses = []
    for item in batch:
        hidden = states(model, item["tokens"], bidirectional)
        logits = head(hidden[[p - 1 for p in item["positions"]]])
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(item["targets"]), reduction="none"))
    return torch.cat(losses).mean()


def contrastive_batch(rng, negatives):
    def sentences(count):
        return [[0] + [rng.randrange(2, 800) for _ in range(rng.randrange(3, 9))] for _ in range(count)]

    if not negatives:
        # Sentences that begin alike are hard to tell apart, so that there is a loss to bring down.
        shared = [0] + [rng.randrange(2, 800) for _ in range(8)]
        queries = [shared + [rng.randrange(2, 800) for _ in range(rng.randrange(1, 3))] for _ in range(4)]
        return {"queries": queries, "positives": queries, "negatives": []}
    queries = sentences(4)
    return {"queries": queries, "positives": sentences(4), "negatives": sentences(3)}


def contrastive_loss(model, batch, bidirectional):
    def vectors(sequences):
        rows = [states(model, tokens, bidirectional)[1:].mean(0) for tokens in sequences]
        return torch.nn.functional.normalize(torch.stack(rows), dim=-1)

    queries = vectors(batch["queries"])
    documents = vectors(batch["positives"] + batch["negatives"])
    return torch.nn.functional.cross_entropy(SCALE * queries @ documents.T, torch.arange(len(queries)))


def distillation_loss(vectors, targets, kind, relational, temperature):
    """As the comment above `DistillationBatch` has it."""
    units, teacher = (torch.nn.functional.normalize(x, dim=-1) for x in (vectors, targets))
    if kind == "cosine":
        loss = (1 - (units * teacher).sum(-1)).mean()
    else:
        loss = ((vectors - teacher) ** 2).sum(-1).mean()
    others = ~torch.eye(len(units), dtype=torch.bool)

    def similarities(x):
        rows = (x @ x.T / temperature)[others].reshape(len(x), -1)
        return torch.log_softmax(rows, dim=-1)

    divergence = torch.nn.functional.kl_div(
        similarities(units), similarities(teacher), log_target=True, reduction="batchmean"
    )
    return loss + relational * divergence


def scored_loss(vectors, batch, temperature):
    """sentence-transformers' DistillKLDivLoss with cosines, and the temperature on the teacher's side alone."""
    units = torch.nn.functional.normalize(vectors, dim=-1)
    losses, row = [], 0
    for query in batch:
        count = len(query["scores"])
        student = torch.log_softmax(SCALE * units[row + 1 : row + 1 + count] @ units[row], dim=-1)
        teacher = torch.softmax(torch.tensor(query["scores"]) / temperature, dim=-1)
        losses.append(torch.nn.functional.kl_div(student, teacher, reduction="sum"))
        row += 1 + count
    return torch.stack(losses).mean()


def teacher_goldens(name, bidirectional, directory):
    """Gradients of losses that a teacher gives, of an adapter and the map, and for one decoder of all weights."""
    rng = random.Random(23)
    torch.manual_seed(23)

    def text():
        return [0] + [rng.randrange(2, 800) for _ in range(rng.randrange(3, 12))]

    texts = [text() for _ in range(5)]
    targets = torch.randn(5, 6) * 3
    scored = [
        {"query": text(), "passages": [text() for _ in range(n)], "scores": [round(rng.uniform(-1, 1), 3) for _ in range(n)]}
        for n in (2, 4, 3)
    ]
    first = torch.nn.Linear(32, 6, bias=True)
    kinds = {
        "distill-cosine": ("cosine", 0.0, 0.05), "distill-mse": ("mse", 0.7, 0.2), "distill-relational": ("cosine", 2.0, 0.1),
    }
    golden = {
        "texts": texts, "targets": targets.tolist(), "scored": scored, "score_temperature": 0.3, "kinds": kinds,
        "weight": first.weight.tolist(), "bias": first.bias.tolist(), "losses": {},
    }
    runs = [(kind, "adapter") for kind in [*kinds, "scores"]]
    if name == "qwen3":
        runs += [("distill-mse", "full"), ("scores", "full")]
    for kind, part in runs:
        dense = torch.nn.Linear(32, 6, bias=True)
        dense.load_state_dict(first.state_dict())
        model = load(name).model
        if part == "adapter":
            model = PeftModel.from_pretrained(model, directory / "adapter", is_trainable=True)

        def vectors(sequences):
            return dense(torch.stack([states(model, tokens, bidirectional)[1:].mean(0) for tokens in sequences]))

        if kind == "scores":
            inputs = [tokens for query in scored for tokens in [query["query"], *query["passages"]]]
            loss = scored_loss(vectors(inputs), scored, golden["score_temperature"])
        else:
            loss = distillation_loss(vectors(texts), targets, *kinds[kind])
        loss.backward()
        prefix = "base_model.model." if part == "adapter" else "model."
        found = {n.replace(".default", ""): g for n, g in gradients(model.named_parameters()).items()}
        if part == "full":
            found = {prefix + n: g for n, g in found.items()}
        found |= {prefix + "dense." + n: g for n, g in gradients(dense.named_parameters()).items()}
        save_file(found, directory / f"{kind}-{part}.safetensors")
        golden["losses"][f"{kind}-{part}"] = loss.item()
    (directory / "teacher.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(name, golden["losses"])


def gradients(named):
    return {name: p.grad.contiguous().clone() for name, p in named if p.grad is not None}


def steps(model, loss, batches):
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    losses = []
    for batch in batches:
        value = loss(batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(value.item())
    return losses


def main():
    for name, bidirectional in [("llama", True), ("llama-scaled", False), ("qwen3", True)]:
        directory = FIXTURES / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        rng = random.Random(11)
        golden = {"bidirectional": bidirectional, "rate": RATE, "warmup": WARMUP}

        batch = [example(rng) for _ in range(4)]
        pairs = contrastive_batch(rng, True)
        whole = load(name)
        loss = prediction_loss(whole.model, whole.lm_head, batch, bidirectional)
        loss.backward()
        save_file(gradients(whole.named_parameters()), directory / "full.safetensors")
        golden["prediction"] = {"batch": batch, "loss": loss.item()}

        torch.manual_seed(5)
        config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=MODULES, init_lora_weights=False)
        whole = load(name)
        head = whole.lm_head
        adapted = get_peft_model(whole.model, config)
        adapted.save_pretrained(directory / "adapter")
        (directory / "adapter/README.md").unlink(missing_ok=True)
        settings = directory / "adapter/adapter_config.json"
        base = f"../../../../KindredEncoderTests/Fixtures/{name}"
        settings.write_text(json.dumps(json.loads(settings.read_text()) | {"base_model_name_or_path": base}, indent=2) + "\n")
        golden["adapted"] = {}
        for kind, loss in [
            ("prediction", prediction_loss(adapted, head, batch, bidirectional)),
            ("contrast", contrastive_loss(adapted, pairs, bidirectional)),
        ]:
            adapted.zero_grad()
            loss.backward()
            found = {n.replace(".default", ""): g for n, g in gradients(adapted.named_parameters()).items()}
            save_file(found, directory / f"{kind}.safetensors")
            golden["adapted"][kind] = loss.item()
        golden["pairs"] = pairs

        def adapter():
            return PeftModel.from_pretrained(load(name).model, directory / "adapter", is_trainable=True)

        batches = [[example(rng) for _ in range(3)] for _ in range(STEPS)]
        model = adapter()
        golden["mntp"] = {
            "batches": batches, "losses": steps(model, lambda b: prediction_loss(model, head, b, bidirectional), batches)
        }
        batches = [contrastive_batch(rng, False) for _ in range(STEPS)]
        model = adapter()
        golden["simcse"] = {
            "batches": batches, "losses": steps(model, lambda b: contrastive_loss(model, b, bidirectional), batches)
        }
        (directory / "goldens.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        teacher_goldens(name, bidirectional, directory)
        print(name, golden["mntp"]["losses"][::6], golden["simcse"]["losses"][::6])


if __name__ == "__main__":
    main()
