/// What a family calls its tensors. Names are those of the model without its head: "layers.3.mlp.down_proj.weight".
struct TensorNames {
    /// How a linear layer's matrix is stored.
    enum Layout {
        /// output × input, as `torch.nn.Linear` has it.
        case linear
        /// input × output, as GPT-2's `Conv1D` has it.
        case transposed
        /// output × input; each head's query, key and value rows stand together (GPT-NeoX).
        case byHead
    }

    var embedding = "embed_tokens.weight"
    var positions = ""
    var segments = ""
    /// Without ".weight".
    var embeddingNorm = ""
    var finalNorm = "norm"
    /// What comes before a layer's number.
    var layers = "layers."

    /// Parts below one another: queries, keys, values; or all in one.
    var queryKeyValue = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
    var output = "self_attn.o_proj"
    /// Gate and up, or all in one, or up alone.
    var gateUp = ["mlp.gate_proj", "mlp.up_proj"]
    var down = "mlp.down_proj"
    var layout = Layout.linear
    /// Of queries, keys and values where it is another.
    var queryKeyValueLayout: Layout?

    var attentionNorm = "input_layernorm"
    var afterAttentionNorm = ""
    var feedForwardNorm = "post_attention_layernorm"
    var afterFeedForwardNorm = ""
    var queryNorm = "self_attn.q_norm"
    var keyNorm = "self_attn.k_norm"

    /// Tensors of a layer that hold no weights of it: masks, tables of rotary positions.
    var ignored: Set<String> = ["self_attn.rotary_emb.inv_freq"]

    /// Whether several linear layers are one tensor, or tensors have other names than Llama's.
    var isFused: Bool { queryKeyValue.count == 1 || gateUp.count == 1 || layers != "layers." }
}

extension DecoderConfiguration {
    var tensorNames: TensorNames {
        var names = TensorNames()
        switch family {
        case .llama, .mistral, .qwen2, .qwen3, .smollm3, .gemma: break
        case .gemma2, .gemma3:
            names.afterAttentionNorm = "post_attention_layernorm"
            names.feedForwardNorm = "pre_feedforward_layernorm"
            names.afterFeedForwardNorm = "post_feedforward_layernorm"
        case .phi3:
            names.queryKeyValue = ["self_attn.qkv_proj"]
            names.gateUp = ["mlp.gate_up_proj"]
        case .gpt2:
            names.embedding = "wte.weight"
            names.positions = "wpe.weight"
            names.finalNorm = "ln_f"
            names.layers = "h."
            names.queryKeyValue = ["attn.c_attn"]
            names.output = "attn.c_proj"
            names.gateUp = ["mlp.c_fc"]
            names.down = "mlp.c_proj"
            names.layout = .transposed
            names.attentionNorm = "ln_1"
            names.feedForwardNorm = "ln_2"
            names.ignored = ["attn.bias", "attn.masked_bias"]
        case .gptNeoX:
            names.embedding = "embed_in.weight"
            names.finalNorm = "final_layer_norm"
            names.queryKeyValue = ["attention.query_key_value"]
            names.queryKeyValueLayout = .byHead
            names.output = "attention.dense"
            names.gateUp = ["mlp.dense_h_to_4h"]
            names.down = "mlp.dense_4h_to_h"
            names.ignored = ["attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"]
        case .bert, .roberta, .xlmRoberta:
            names.embedding = "embeddings.word_embeddings.weight"
            names.positions = "embeddings.position_embeddings.weight"
            names.segments = "embeddings.token_type_embeddings.weight"
            names.embeddingNorm = "embeddings.LayerNorm"
            names.layers = "encoder.layer."
            names.queryKeyValue = ["query", "key", "value"].map { "attention.self.\($0)" }
            names.output = "attention.output.dense"
            names.attentionNorm = "attention.output.LayerNorm"
            names.gateUp = ["intermediate.dense"]
            names.down = "output.dense"
            names.feedForwardNorm = "output.LayerNorm"
        case .distilBERT:
            names.embedding = "embeddings.word_embeddings.weight"
            names.positions = "embeddings.position_embeddings.weight"
            names.embeddingNorm = "embeddings.LayerNorm"
            names.layers = "transformer.layer."
            names.queryKeyValue = ["q_lin", "k_lin", "v_lin"].map { "attention.\($0)" }
            names.output = "attention.out_lin"
            names.attentionNorm = "sa_layer_norm"
            names.gateUp = ["ffn.lin1"]
            names.down = "ffn.lin2"
            names.feedForwardNorm = "output_layer_norm"
        }
        return names
    }
}
