#!/usr/bin/env python3
"""Writes stories260K, a decoder in llama2.c's format (karpathy/llama2.c, export.py, version 0), as a GGUF file.

Usage: stories.py DIRECTORY OUT.gguf   (DIRECTORY holds stories260K.bin and tok512.bin; needs gguf, numpy)
"""

import struct
import sys
from pathlib import Path

import gguf
import numpy as np


def tokens(path):
    data = path.read_bytes()
    place = 4
    while place < len(data):
        score, size = struct.unpack_from("<fi", data, place)
        place += 8
        yield data[place:place + size], score
        place += size


def main():
    directory, out = Path(sys.argv[1]), Path(sys.argv[2])
    data = (directory / "stories260K.bin").read_bytes()
    hidden, middle, layers, heads, shared, vocabulary, positions = struct.unpack_from("<7i", data)
    floats = np.frombuffer(data, np.float32, offset=28)
    place = 0

    def take(*shape):
        nonlocal place
        count = int(np.prod(shape))
        part = floats[place:place + count].reshape(shape)
        place += count
        return part

    keys = hidden // heads * shared
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_context_length(positions)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(middle)
    writer.add_head_count(heads)
    writer.add_head_count_kv(shared)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    named = list(tokens(directory / "tok512.bin"))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(
        [["<unk>", "<s>", "</s>"][i] if i < 3 else text.decode().replace(" ", "▁") for i, (text, _) in enumerate(named)])
    writer.add_token_scores([score for _, score in named])
    writer.add_token_types([2, 3, 3] + [6 if text.startswith(b"<0x") else 1 for text, _ in named[3:]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_tensor("token_embd.weight", take(abs(vocabulary), hidden))
    # Each kind of tensor lies there for all layers together.
    for name, shape in [
        ("attn_norm", (hidden,)), ("attn_q", (hidden, hidden)), ("attn_k", (keys, hidden)), ("attn_v", (keys, hidden)),
        ("attn_output", (hidden, hidden)), ("ffn_norm", (hidden,)), ("ffn_gate", (middle, hidden)),
        ("ffn_down", (hidden, middle)), ("ffn_up", (middle, hidden)),
    ]:
        for layer, part in enumerate(take(layers, *shape)):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ascontiguousarray(part))
    writer.add_tensor("output_norm.weight", take(hidden))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
