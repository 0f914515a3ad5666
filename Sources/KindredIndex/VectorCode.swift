import KindredSystem

/// The code of a segment's vectors: 8 bits a dimension around a centre, with a scale for each vector, as two nested
/// planes of 4 bits. See Documentation/vector-index.md.
///
/// With r = x - c and the step Δ = max|r| / 127.5:
///
///     u = clamp(round(r / Δ + 127.5), 0, 255), the high nibble h = u >> 4 and the low one l = u & 15
///     f4 = |r|² / ⟨r, 16 h - 120⟩, f8 = |r|² / ⟨r, u - 127.5⟩
///     ⟨q, x⟩ ≈ ⟨q, c⟩ + f4 ⟨q, 16 h - 120⟩ ≈ ⟨q, c⟩ + f8 ⟨q, u - 127.5⟩
///
/// The factors make the estimate of ⟨x, x⟩ exact, as RaBitQ's do (Gao and Long 2024, §3.2).
struct VectorCode: Sendable {
    let centre: [Float]
    var dimensions: Int { centre.count }
    var blocks: Int { Self.blocks(dimensions) }

    static let maximumDimensions = 32_768

    static func blocks(_ dimensions: Int) -> Int {
        (dimensions + CodePlanes.dimensionsPerBlock - 1) / CodePlanes.dimensionsPerBlock
    }

    /// The codes, a byte for each dimension, and the factors of a vector.
    func encode(_ vector: [Float]) -> (codes: [UInt8], factors: CodePlanes.Factors) {
        var residual = [Float](repeating: 0, count: dimensions)
        var largest: Float = 0
        for index in 0..<dimensions {
            residual[index] = vector[index] - centre[index]
            largest = max(largest, abs(residual[index]))
        }
        // The centre itself: every estimate is ⟨q, c⟩.
        guard largest > 0 else {
            return ([UInt8](repeating: 128, count: dimensions), CodePlanes.Factors(high: 0, both: 0))
        }
        let step = largest / 127.5
        var codes = [UInt8](repeating: 0, count: dimensions)
        var square: Float = 0
        var highProduct: Float = 0
        var bothProduct: Float = 0
        for index in 0..<dimensions {
            let r = residual[index]
            let u = min(max((r / step + 127.5).rounded(), 0), 255)
            let code = UInt8(u)
            codes[index] = code
            square += r * r
            highProduct += r * (16 * Float(code >> 4) - 120)
            bothProduct += r * (u - 127.5)
        }
        return (
            codes,
            CodePlanes.Factors(
                high: highProduct > 0 ? square / highProduct : 0,
                both: bothProduct > 0 ? square / bothProduct : 0)
        )
    }

    /// The vector that codes and factors stand for.
    func decode(_ codes: [UInt8], _ factors: CodePlanes.Factors) -> [Float] {
        zip(codes, centre).map { factors.both * (Float($0) - 127.5) + $1 }
    }

    /// A query as signed bytes: q ≈ scale · bytes.
    func query(_ vector: [Float]) -> CodePlanes.Query {
        var largest: Float = 0
        var offset: Float = 0
        for index in 0..<dimensions {
            largest = max(largest, abs(vector[index]))
            offset += vector[index] * centre[index]
        }
        let scale = largest > 0 ? largest / 127 : 1
        let bytes = AlignedBuffer<Int8>(repeating: 0, count: blocks * CodePlanes.dimensionsPerBlock)
        var sum: Int32 = 0
        for index in 0..<dimensions {
            let byte = Int8((vector[index] / scale).rounded())
            bytes[index] = byte
            sum += Int32(byte)
        }
        return CodePlanes.Query(bytes: bytes, scale: scale, sum: sum, offset: offset)
    }
}
