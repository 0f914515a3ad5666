/// How linear layers and other matrix products are computed. Sums are 32-bit floats, or of 32-bit integers.
package enum Precision: String, Sendable, CaseIterable, Codable {
    /// The reference that the others are tested against.
    case float32 = "fp32"
    /// Factors rounded to bfloat16: half the memory traffic, and twice the speed where the processor has it.
    case bfloat16 = "bf16"
    /// Weights of 8 bits with a scale for each output, activations of 8 bits with a scale for each token. For encoding
    /// alone.
    case int8

    /// Whether a model can be trained in it.
    package var hasGradients: Bool { self != .int8 }

    /// How a model that is computed so is stored.
    package var stored: NumberFormat {
        switch self {
        case .float32: .f32
        case .bfloat16: .bf16
        case .int8: .i8
        }
    }
}

extension Precision {
    /// Where this processor multiplies in this precision no faster than in fp32: what to know about that; nil elsewhere.
    package var remark: String? {
        switch self {
        case .float32: nil
        case .bfloat16 where BrainFloat.isNative: nil
        case .bfloat16: "this processor has no bf16 arithmetic: bf16 is slower than fp32 here"
        case .int8 where Int8Products.isNative: nil
        case .int8: "this processor has no sums of 8-bit products (VNNI): int8 saves memory here, and no time"
        }
    }
}
