import CKindredKernels

/// Vectors as two planes of 4-bit codes with a pair of factors each, in memory or in a mapped file. See
/// `kindred_codes.h` for the layout of a plane.
package final class CodePlanes: @unchecked Sendable {
    package static let bytesPerBlock = 64
    package static let dimensionsPerBlock = 128

    package let count: Int
    /// Blocks of a row.
    package let blocks: Int
    package var bytesPerRow: Int { blocks * Self.bytesPerBlock }

    private let high: UnsafePointer<UInt8>
    private let low: UnsafePointer<UInt8>
    private let factors: UnsafePointer<Float>
    /// Whoever owns the memory.
    private let owner: AnyObject
    private let own: (high: AlignedBuffer<UInt8>, low: AlignedBuffer<UInt8>, factors: AlignedBuffer<Float>)?

    /// The factors of a row: for its high plane alone, and for both planes.
    package struct Factors: BitwiseCopyable, Sendable {
        package let high: Float
        package let both: Float

        package init(high: Float, both: Float) {
            self.high = high
            self.both = both
        }
    }

    /// Planes of zeros, to be filled by `set`.
    package init(count: Int, blocks: Int) {
        self.count = count
        self.blocks = blocks
        let bytes = count * blocks * Self.bytesPerBlock
        let buffers = (
            high: AlignedBuffer<UInt8>(repeating: 0, count: bytes),
            low: AlignedBuffer<UInt8>(repeating: 0, count: bytes),
            factors: AlignedBuffer<Float>(repeating: 0, count: count * 2)
        )
        high = UnsafePointer(buffers.high.pointer(0..<bytes))
        low = UnsafePointer(buffers.low.pointer(0..<bytes))
        factors = UnsafePointer(buffers.factors.pointer(0..<count * 2))
        own = buffers
        owner = buffers.high
    }

    /// Planes in a file, at byte offsets that the caller took from a checked header. Factors lie as pairs.
    package init(file: MappedFile, high: Int, low: Int, factors: Int, count: Int, blocks: Int) {
        precondition(count > 0 && blocks > 0 && factors % 4 == 0)
        self.count = count
        self.blocks = blocks
        let bytes = count * blocks * Self.bytesPerBlock
        self.high = file.pointer(high..<high + bytes)!.assumingMemoryBound(to: UInt8.self)
        self.low = file.pointer(low..<low + bytes)!.assumingMemoryBound(to: UInt8.self)
        self.factors = file.pointer(factors..<factors + count * 8)!.assumingMemoryBound(to: Float.self)
        owner = file
        own = nil
    }

    /// Stores the codes (a byte for each dimension, high nibble and low nibble) and factors of a row.
    /// Only for planes in memory; different threads may set different rows.
    package func set(row: Int, codes: [UInt8], factors pair: Factors) {
        precondition(row >= 0 && row < count && codes.count <= blocks * Self.dimensionsPerBlock)
        guard let own else { preconditionFailure("planes of a file are read-only") }
        let base = row * bytesPerRow
        for (dimension, code) in codes.enumerated() {
            let block = dimension / Self.dimensionsPerBlock
            let within = dimension % Self.dimensionsPerBlock
            let byte = base + block * Self.bytesPerBlock + within % Self.bytesPerBlock
            let shift = UInt8(within / Self.bytesPerBlock * 4)
            own.high[byte] |= (code >> 4) << shift
            own.low[byte] |= (code & 15) << shift
        }
        own.factors[2 * row] = pair.high
        own.factors[2 * row + 1] = pair.both
    }

    /// The codes of a row, a byte for each of its first `dimensions` dimensions.
    package func codes(row: Int, dimensions: Int) -> [UInt8] {
        precondition(row >= 0 && row < count && dimensions <= blocks * Self.dimensionsPerBlock)
        return (0..<dimensions).map { dimension in
            let within = dimension % Self.dimensionsPerBlock
            let byte =
                row * bytesPerRow + dimension / Self.dimensionsPerBlock * Self.bytesPerBlock
                + within % Self.bytesPerBlock
            let shift = UInt8(within / Self.bytesPerBlock * 4)
            return (high[byte] >> shift & 15) << 4 | (low[byte] >> shift & 15)
        }
    }

    package func factors(row: Int) -> Factors {
        precondition(row >= 0 && row < count)
        return Factors(high: factors[2 * row], both: factors[2 * row + 1])
    }

    /// The memory of the three parts, for writing them to a file; only for planes in memory.
    package var buffers:
        (high: AlignedBuffer<UInt8>, low: AlignedBuffer<UInt8>, factors: AlignedBuffer<Float>)?
    { own }

    /// A query as signed bytes with what turns integer sums into similarities.
    package struct Query: Sendable {
        /// 128 for each block.
        package let bytes: AlignedBuffer<Int8>
        /// What a byte of 1 stands for.
        package let scale: Float
        /// Sum of the bytes.
        package let sum: Int32
        /// Similarity to the centre of the codes.
        package let offset: Float

        package init(bytes: AlignedBuffer<Int8>, scale: Float, sum: Int32, offset: Float) {
            self.bytes = bytes
            self.scale = scale
            self.sum = sum
            self.offset = offset
        }
    }

    /// Row numbers and the memory for their products; owned by one searching thread.
    package final class Batch {
        package private(set) var count = 0
        package let capacity: Int
        let rows: AlignedBuffer<UInt32>
        let products: AlignedBuffer<Int32>
        let lowProducts: AlignedBuffer<Int32>
        let scores: AlignedBuffer<Float>

        package init(capacity: Int) {
            self.capacity = capacity
            rows = AlignedBuffer(repeating: 0, count: capacity)
            products = AlignedBuffer(repeating: 0, count: capacity)
            lowProducts = AlignedBuffer(repeating: 0, count: capacity)
            scores = AlignedBuffer(repeating: 0, count: capacity)
        }

        package func removeAll() { count = 0 }

        package func append(_ row: UInt32) {
            rows[count] = row
            count += 1
        }

        package func row(_ index: Int) -> UInt32 { rows[index] }

        package func score(_ index: Int) -> Float { scores[index] }
    }

    /// Similarities of the query to the batch's rows by the high plane alone: 4 bits a dimension.
    package func scoreByHighPlane(_ query: Query, _ batch: Batch) {
        products(of: high, query, batch, into: batch.products)
        let correction = Int32(120) &* query.sum
        for index in 0..<batch.count {
            let row = Int(batch.rows[index])
            let sum = Float(16 &* batch.products[index] &- correction)
            batch.scores[index] = query.offset + factors[2 * row] * query.scale * sum
        }
    }

    /// Similarities of the query to the batch's rows by both planes: 8 bits a dimension.
    package func scoreByBothPlanes(_ query: Query, _ batch: Batch) {
        products(of: high, query, batch, into: batch.products)
        products(of: low, query, batch, into: batch.lowProducts)
        let correction = 127.5 * Float(query.sum)
        for index in 0..<batch.count {
            let row = Int(batch.rows[index])
            let sum = Float(16 &* batch.products[index] &+ batch.lowProducts[index]) - correction
            batch.scores[index] = query.offset + factors[2 * row + 1] * query.scale * sum
        }
    }

    private func products(
        of plane: UnsafePointer<UInt8>, _ query: Query, _ batch: Batch, into out: AlignedBuffer<Int32>
    ) {
        precondition(query.bytes.count == blocks * Self.dimensionsPerBlock)
        for index in 0..<batch.count { precondition(batch.rows[index] < UInt32(count), "row out of range") }
        kindred_code_products(
            out.pointer(0..<batch.count), plane, blocks, query.bytes.pointer(0..<query.bytes.count),
            batch.rows.pointer(0..<batch.count), batch.count)
    }
}
