/// What is put around a text and its instruction, as a chat model's users' turns have it: the model was trained on texts that
/// look so. What stands after the text is pooled with it.
package struct ChatWrapping: Sendable, Hashable {
    package var before = ""
    package var after = ""

    package var isEmpty: Bool { before.isEmpty && after.isEmpty }

    /// What LLM2Vec's authors put around texts for the chat models that they published encoders of (McGill-NLP/llm2vec,
    /// llm2vec/llm2vec.py, `prepare_for_tokenization`), by the name of the base.
    static func published(base: String) -> ChatWrapping? {
        switch base {
        case "meta-llama/Meta-Llama-3-8B-Instruct":
            ChatWrapping(before: "<|start_header_id|>user<|end_header_id|>\n\n", after: "<|eot_id|>")
        case "mistralai/Mistral-7B-Instruct-v0.2", "meta-llama/Llama-2-7b-chat-hf":
            ChatWrapping(before: "[INST] ", after: " [/INST]")
        case "google/gemma-2-9b-it":
            ChatWrapping(before: "<bos><start_of_turn>user\n", after: "<end_of_turn>")
        case "Qwen/Qwen2-1.5B-Instruct", "Qwen/Qwen2-7B-Instruct":
            ChatWrapping(before: "<|im_start|>user\n", after: "<|im_end|>")
        default: nil
        }
    }
}
