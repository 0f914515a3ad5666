"""The student in PyTorch: a Llama-family decoder with bidirectional attention, pooled to one vector per text.

It computes what `kindred encode` computes, from the same directories; stages.py trains it on a GPU. Batches are padded:
tokens of shape [texts, length]. Matrices that share an input (queries, keys, values; gate, up) are stored side by side and
computed as one product.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

LINEARS = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
           "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]


class EightBits(torch.autograd.Function):
    """Rows rounded to 8 bits with a scale each, as the 8-bit kernels do; the gradient passes through."""

    @staticmethod
    def forward(_, x):
        scale = x.abs().amax(-1, keepdim=True).float().clamp(min=1e-20) / 127
        return ((x / scale).round() * scale).to(x.dtype)

    @staticmethod
    def backward(_, gradient):
        return gradient


class Linear(nn.Module):
    """Linear layers that share their input, with a low-rank part where an adapter is trained."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.outputs = outputs
        self.weight = nn.Parameter(torch.empty(sum(outputs), inputs))
        self.a = self.b = None
        self.eight_bits = False

    def adapt(self, rank, alpha, dropout):
        self.scale, self.dropout = alpha / rank, dropout
        device = self.weight.device
        self.a = nn.ParameterList(nn.init.kaiming_uniform_(torch.empty(rank, self.weight.shape[1], device=device), a=5**0.5)
                                  for _ in self.outputs)
        self.b = nn.ParameterList(torch.zeros(rows, rank, device=device) for rows in self.outputs)

    def merge(self):
        with torch.no_grad():
            for rows, a, b in zip(self.weight.split(self.outputs), self.a, self.b):
                rows += self.scale * b @ a
        self.a = self.b = None

    def forward(self, x):
        weight = self.weight
        if self.eight_bits:
            x, weight = EightBits.apply(x), EightBits.apply(weight)
        y = F.linear(x, weight)
        if self.a is not None:
            seen = F.dropout(x, self.dropout, self.training)
            y = y + self.scale * torch.cat([F.linear(F.linear(seen, a), b) for a, b in zip(self.a, self.b)], -1)
        return y


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, q, k = c["hidden_size"], c["num_attention_heads"] * c["head_dim"], c["num_key_value_heads"] * c["head_dim"]
        self.c, self.widths = c, [q, k, k]
        self.norm1, self.norm2 = nn.Parameter(torch.ones(h)), nn.Parameter(torch.ones(h))
        self.qkv, self.o = Linear(h, [q, k, k]), Linear(q, [h])
        self.gate_up, self.down = Linear(h, [c["intermediate_size"]] * 2), Linear(c["intermediate_size"], [h])
        self.attention_dropout = 0.0

    def forward(self, x, cosines, sines, mask):
        n, length, _ = x.shape
        d, epsilon = self.c["head_dim"], self.c["rms_norm_eps"]
        q, k, v = self.qkv(F.rms_norm(x, x.shape[-1:], self.norm1, epsilon)).split(self.widths, -1)
        q, k, v = (part.view(n, length, -1, d).transpose(1, 2) for part in (q, k, v))
        q, k = rotated(q, cosines, sines), rotated(k, cosines, sines)
        group = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        dropout = self.attention_dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(q, k, v.to(q.dtype), attn_mask=mask, dropout_p=dropout)
        x = x + self.o(attended.transpose(1, 2).reshape(n, length, -1))
        gate, up = self.gate_up(F.rms_norm(x, x.shape[-1:], self.norm2, epsilon)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


def rotated(x, cosines, sines):
    first, second = x.chunk(2, -1)
    return (x * cosines + torch.cat([-second, first], -1) * sines).to(x.dtype)


class Student(nn.Module):
    def __init__(self, configuration, dimensions=None):
        super().__init__()
        c = self.c = configuration
        c.setdefault("head_dim", c["hidden_size"] // c["num_attention_heads"])
        self.embedding = nn.Parameter(torch.empty(c["vocab_size"], c["hidden_size"]))
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = nn.Parameter(torch.ones(c["hidden_size"]))
        self.dense = nn.Parameter(torch.empty(dimensions, c["hidden_size"])) if dimensions else None
        self.eight_bits = False
        theta = c.get("rope_theta") or c["rope_parameters"]["rope_theta"]
        frequencies = theta ** (-torch.arange(0, c["head_dim"], 2, dtype=torch.float64) / c["head_dim"])
        angles = torch.arange(512, dtype=torch.float64)[:, None] * frequencies
        angles = torch.cat([angles, angles], 1)
        self.register_buffer("cosines", angles.cos().float(), persistent=False)
        self.register_buffer("sines", angles.sin().float(), persistent=False)

    def set_eight_bits(self, on):
        self.eight_bits = on
        for module in self.modules():
            if isinstance(module, Linear):
                module.eight_bits = on

    def states(self, tokens, lengths, causal=False):
        """The last hidden states, after the final norm: [texts, length, hidden]."""
        n, length = tokens.shape
        table = EightBits.apply(self.embedding) if self.eight_bits else self.embedding
        x = F.embedding(tokens, table)
        places = torch.arange(length, device=tokens.device)
        mask = (places < lengths[:, None])[:, None, None, :].expand(n, 1, length, length)
        if causal:
            mask = mask & (places[:, None] >= places)
        dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else x.dtype
        cosines, sines = self.cosines[:length].to(dtype), self.sines[:length].to(dtype)
        for block in self.blocks:
            x = block(x, cosines, sines, mask)
        return F.rms_norm(x, x.shape[-1:], self.norm, self.c["rms_norm_eps"])

    def forward(self, tokens, lengths, causal=False):
        """Mean of a text's own tokens, without the first, which the template adds; through the map where there is one."""
        states = self.states(tokens, lengths, causal).float()
        places = torch.arange(tokens.shape[1], device=tokens.device)
        own = ((places > 0) & (places < lengths[:, None])).float()[..., None]
        pooled = (states * own).sum(1) / own.sum(1).clamp(min=1)
        return pooled if self.dense is None else pooled.float() @ self.dense.float().T


@torch.no_grad()
def narrow(student, width, tokens, lengths):
    """Keeps the `width` channels of each feed-forward layer whose outputs are largest on these texts."""
    found = []
    hooks = [block.down.register_forward_pre_hook(lambda module, inputs: found.append(
        inputs[0].float().square().mean((0, 1)).sqrt() * module.weight.norm(dim=0))) for block in student.blocks]
    student.states(tokens, lengths)
    for hook in hooks:
        hook.remove()
    for block, importance in zip(student.blocks, found):
        kept = importance.topk(width).indices.sort().values
        gate, up = block.gate_up.weight.chunk(2)
        block.gate_up.weight = nn.Parameter(torch.cat([gate[kept], up[kept]]))
        block.down.weight = nn.Parameter(block.down.weight[:, kept].contiguous())
        block.gate_up.outputs = [width, width]
    student.c["intermediate_size"] = width


# Directories

def load(directory, layers=None, dimensions=None):
    """A model directory, its first layers alone where asked, with a new map to `dimensions` or the one that it has."""
    directory = Path(directory)
    configuration = json.loads((directory / "config.json").read_text())
    if layers:
        configuration["num_hidden_layers"] = layers
    tensors = {name.removeprefix("model."): value for name, value in load_file(directory / "model.safetensors").items()}
    for name in [n for n in tensors if n.endswith("_scale")]:
        weight = name.removesuffix("_scale")
        tensors[weight] = tensors[weight].float() * tensors[name].float().reshape(-1, 1)
    dense = directory / "2_Dense" / "model.safetensors"
    has_dense = dimensions is None and dense.exists()
    if has_dense:
        dimensions = json.loads((directory / "2_Dense" / "config.json").read_text())["out_features"]
    student = Student(configuration, dimensions)
    with torch.no_grad():
        student.embedding.copy_(tensors["embed_tokens.weight"])
        student.norm.copy_(tensors["norm.weight"])
        for index, block in enumerate(student.blocks):
            if f"layers.{index}.input_layernorm.weight" not in tensors:  # deeper than the model that it begins with
                for linear in (block.qkv, block.o, block.gate_up, block.down):
                    nn.init.normal_(linear.weight, std=0.02)
                continue

            def part(name):
                return tensors[f"layers.{index}.{name}.weight"]
            block.norm1.copy_(part("input_layernorm"))
            block.norm2.copy_(part("post_attention_layernorm"))
            block.qkv.weight.copy_(torch.cat([part(name) for name in LINEARS[:3]]))
            block.o.weight.copy_(part(LINEARS[3]))
            block.gate_up.weight.copy_(torch.cat([part(name) for name in LINEARS[4:6]]))
            block.down.weight.copy_(part(LINEARS[6]))
        if has_dense:
            student.dense.copy_(load_file(dense)["linear.weight"])
        elif dimensions:
            nn.init.orthogonal_(student.dense)
    return student


def linears(student):
    """(name in Hugging Face's layout, rows of a matrix, low-rank pair or None) of every linear layer."""
    for index, block in enumerate(student.blocks):
        names = iter(LINEARS)
        for linear in (block.qkv, block.o, block.gate_up, block.down):
            for part, rows in enumerate(linear.weight.split(linear.outputs)):
                pair = None if linear.a is None else (linear.a[part], linear.b[part])
                yield f"layers.{index}.{next(names)}", rows, pair


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def save(student, directory, source, dtype=torch.float32):
    """A model directory in Hugging Face's and sentence-transformers' layout; tokenizer and usage are `source`'s."""
    directory, source = Path(directory), Path(source)
    tensors = {f"model.{name}.weight": rows for name, rows, _ in linears(student)}
    tensors["model.embed_tokens.weight"], tensors["model.norm.weight"] = student.embedding, student.norm
    for index, block in enumerate(student.blocks):
        tensors[f"model.layers.{index}.input_layernorm.weight"] = block.norm1
        tensors[f"model.layers.{index}.post_attention_layernorm.weight"] = block.norm2
    configuration = {**student.c, "dtype": str(dtype).removeprefix("torch.")}
    configuration.pop("quantization_config", None)
    write_json(directory / "config.json", configuration)
    for name in ["tokenizer.json", "tokenizer_config.json", "llm2vec_config.json"]:
        (directory / name).write_bytes((source / name).read_bytes())
    ready = {name: value.detach().to("cpu", dtype).contiguous().clone() for name, value in tensors.items()}
    if student.dense is not None:
        outputs, inputs = student.dense.shape
        kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3_Normalize", "Normalize")]
        write_json(directory / "modules.json", [
            {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for index, (path, kind) in enumerate(kinds)])
        write_json(directory / "1_Pooling" / "config.json", {
            "word_embedding_dimension": inputs, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False})
        write_json(directory / "2_Dense" / "config.json", {
            "in_features": inputs, "out_features": outputs, "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity"})
        save_file({"linear.weight": student.dense.detach().to("cpu", torch.float32).contiguous()},
                  directory / "2_Dense" / "model.safetensors")
    save_file(ready, directory / "model.safetensors", metadata={"format": "pt"})


def save_adapter(student, directory, base, source, alpha):
    """A PEFT adapter on the directory `base`."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    tensors, rank = {}, 0
    for name, _, (a, b) in linears(student):
        rank = a.shape[0]
        for letter, value in (("A", a), ("B", b)):
            tensors[f"base_model.model.model.{name}.lora_{letter}.weight"] = value.detach().float().cpu().contiguous().clone()
    write_json(directory / "adapter_config.json", {
        "peft_type": "LORA", "base_model_name_or_path": str(base), "r": rank, "lora_alpha": alpha, "bias": "none",
        "target_modules": [name.split(".")[1] for name in LINEARS], "task_type": None, "lora_dropout": 0.05,
        "use_rslora": False, "use_dora": False, "fan_in_fan_out": False, "modules_to_save": None})
    (directory / "llm2vec_config.json").write_bytes((Path(source) / "llm2vec_config.json").read_bytes())
    save_file(tensors, directory / "adapter_model.safetensors", metadata={"format": "pt"})
