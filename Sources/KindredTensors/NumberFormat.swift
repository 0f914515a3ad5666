import CKindredKernels

/// How numbers of a weight file are stored.
package enum NumberFormat: String, Sendable, CaseIterable {
    case f32 = "F32"
    case f16 = "F16"
    case bf16 = "BF16"
    /// With a scale for each row, in a tensor beside it.
    case i8 = "I8"
    /// Blocks of a GGUF file, see `kindred_blocks.h`.
    case q4Zero = "Q4_0"
    case q4One = "Q4_1"
    case q5Zero = "Q5_0"
    case q5One = "Q5_1"
    case q8Zero = "Q8_0"
    case q2K = "Q2_K"
    case q3K = "Q3_K"
    case q4K = "Q4_K"
    case q5K = "Q5_K"
    case q6K = "Q6_K"

    var block: kindred_block_kind? {
        switch self {
        case .f32, .f16, .bf16, .i8: nil
        case .q4Zero: KINDRED_Q4_0
        case .q4One: KINDRED_Q4_1
        case .q5Zero: KINDRED_Q5_0
        case .q5One: KINDRED_Q5_1
        case .q8Zero: KINDRED_Q8_0
        case .q2K: KINDRED_Q2_K
        case .q3K: KINDRED_Q3_K
        case .q4K: KINDRED_Q4_K
        case .q5K: KINDRED_Q5_K
        case .q6K: KINDRED_Q6_K
        }
    }

    /// Whether numbers lie in blocks that share a scale.
    package var isBlocked: Bool { block != nil }

    /// Numbers that lie together: 1, or a block's.
    package var blockNumbers: Int { block.map { kindred_block_numbers($0) } ?? 1 }

    /// Bytes of `count` numbers, whole blocks.
    package func bytes(_ count: Int) -> Int {
        if let block { return count / kindred_block_numbers(block) * kindred_block_bytes(block) }
        switch self {
        case .f32: return count * 4
        case .f16, .bf16: return count * 2
        default: return count
        }
    }
}
