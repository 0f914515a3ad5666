import CKindredKernels
import KindredTestSupport
import Testing

@testable import KindredIndex
@testable import KindredSystem

/// The variants that this processor has, by what must be there for them.
private let features = kindred_features()
private let hasAVX2 = features & UInt32(KINDRED_AVX2) != 0
private let hasVNNI = features & UInt32(KINDRED_AVX512_VNNI) != 0
private let hasNEON = features & UInt32(KINDRED_NEON) != 0

/// Rows of heads with random nibbles and factors, of `dimensions` dimensions.
private func heads(_ rows: Int, dimensions: Int, seed: UInt64) -> (bytes: [UInt8], blocks: Int) {
    var generator = SeededGenerator(seed: seed)
    let layout = CodeLayout(groups: [.init(dimensions: dimensions, nibbles: 2, unit: 1)], hasBias: false)
    let planes = CodePlanes(count: rows, layout: layout)
    let vectors = AlignedBuffer<Float>(
        (0..<rows * dimensions).map { _ in Float.random(in: -1...1, using: &generator) })
    planes.encode(vectors, count: rows, at: 0)
    return (planes.bytes(.head), layout.headBlocks)
}

@Suite struct CodeKernelTests {
    @Test(arguments: [1, 2, 3, 5, 9])
    func `every variant gives the sums of the portable one`(blocks: Int) {
        var generator = SeededGenerator(seed: UInt64(blocks))
        let rows = 37
        let stride = blocks * 64 + 5
        // Extreme values too: they are what could overflow.
        let plane = (0..<rows * stride + 64).map { _ in
            [UInt8(0), 255, UInt8.random(in: 0...255, using: &generator)].randomElement(using: &generator)!
        }
        let query = (0..<blocks * 128).map { _ in
            [Int8(-127), 127, Int8.random(in: -127...127, using: &generator)].randomElement(
                using: &generator)!
        }
        for count in [0, 1, 2, 3, 4, 5, 36, 37] {
            let chosen = (0..<count).map { UInt32(($0 * 11) % rows) }
            var expected = [Int32](repeating: 7, count: count)
            unsafe kindred_code_products_portable(&expected, plane, stride, blocks, query, chosen, count)
            func check(
                _ variant: (
                    UnsafeMutablePointer<Int32>?, UnsafePointer<UInt8>?, Int, Int, UnsafePointer<Int8>?,
                    UnsafePointer<UInt32>?, Int
                ) -> Void
            ) {
                var sums = [Int32](repeating: 9, count: count)
                unsafe variant(&sums, plane, stride, blocks, query, chosen, count)
                #expect(sums == expected)
            }
            unsafe check(kindred_code_products)
            if hasAVX2 { unsafe check(kindred_code_products_avx2) }
            if hasVNNI { unsafe check(kindred_code_products_avx512_vnni) }
            if hasNEON { unsafe check(kindred_code_products_neon) }
        }
    }

    static let layouts = [
        CodeLayout(groups: [.init(dimensions: 1, nibbles: 2, unit: 1)], hasBias: false),
        CodeLayout(groups: [.init(dimensions: 127, nibbles: 2, unit: 1)], hasBias: true),
        CodeLayout(groups: [.init(dimensions: 129, nibbles: 3, unit: 1)], hasBias: false),
        CodeLayout(
            groups: [
                .init(dimensions: 120, nibbles: 3, unit: 1), .init(dimensions: 191, nibbles: 2, unit: 4),
                .init(dimensions: 73, nibbles: 1, unit: 17),
            ], hasBias: true),
        CodeLayout(
            groups: [
                .init(dimensions: 128, nibbles: 3, unit: 1), .init(dimensions: 119, nibbles: 2, unit: 7),
                .init(dimensions: 33, nibbles: 2, unit: 4), .init(dimensions: 9, nibbles: 1, unit: 17),
            ], headGroups: 2, hasBias: false),
    ]

    @Test(arguments: layouts)
    func `every variant codes vectors to the same bytes`(layout: CodeLayout) {
        var generator = SeededGenerator(seed: 3)
        let count = 7
        let vectors = (0..<count * layout.dimensions).map { _ in Float.random(in: -2...2, using: &generator) }
        let bias = (0..<count).map(Float.init)
        var kernelLayout = layout.kernelLayout
        func coded(
            _ variant: (
                UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, UnsafePointer<Float>?,
                UnsafePointer<Float>?, Int, UnsafePointer<kindred_code_layout>?, UnsafeMutablePointer<UInt16>?
            ) -> Void
        ) -> [UInt8] {
            var head = [UInt8](repeating: 1, count: count * layout.headBytes)
            var rest = [UInt8](repeating: 1, count: count * layout.restBytes)
            var work = [UInt16](repeating: 0, count: layout.dimensions)
            unsafe variant(&head, &rest, vectors, layout.hasBias ? bias : nil, count, &kernelLayout, &work)
            return head + rest
        }
        let expected = unsafe coded(kindred_encode_portable)
        unsafe #expect(coded(kindred_encode) == expected)
        if hasAVX2 { unsafe #expect(coded(kindred_encode_avx2) == expected) }
        if hasVNNI { unsafe #expect(coded(kindred_encode_avx512_vnni) == expected) }
        if hasNEON { unsafe #expect(coded(kindred_encode_neon) == expected) }
    }

    @Test(arguments: layouts)
    func `codes are decoded near the vector, and rescoring gives the inner product with it`(
        layout: CodeLayout
    ) {
        var generator = SeededGenerator(seed: 9)
        let count = 5
        let scales = layout.groups.flatMap { group in
            Array(repeating: group.unit * Float(group.centre), count: group.dimensions)
        }
        let vectors = AlignedBuffer<Float>(
            (0..<count).flatMap { _ in scales.map { $0 * Float.random(in: -1...1, using: &generator) } })
        let bias = layout.hasBias ? AlignedBuffer<Float>((0..<count).map(Float.init)) : nil
        let planes = CodePlanes(count: count, layout: layout)
        planes.encode(vectors, count: count, bias: bias, at: 0)
        let query = CodedQuery(layout: layout)
        query.set(vectors, at: 0, offset: 0.25)
        let rows = AlignedBuffer<UInt32>((0..<UInt32(count)).map { $0 })
        let scores = AlignedBuffer<Float>(repeating: 0, count: count)
        planes.rescore(query, rows, 0..<count, into: scores)
        for row in 0..<count {
            let decoded = AlignedBuffer<Float>(repeating: 0, count: layout.dimensions)
            planes.decode(row, into: decoded, at: 0)
            var product: Float = 0
            var length: Float = 0
            for (column, scale) in scales.enumerated() {
                let value = vectors[row * layout.dimensions + column]
                #expect(abs(decoded[column] - value) < scale * 0.16)
                product += vectors[column] * decoded[column]
                length += abs(vectors[column]) * scale
            }
            #expect(abs(scores[row] - (product + 0.25 + (bias?[row] ?? 0))) < max(0.001, length * 1e-4))
        }
    }

    @Test(arguments: [8, 121, 300])
    func `every variant walks the same way`(dimensions: Int) {
        let count = 300
        let (bytes, blocks) = heads(count, dimensions: dimensions, seed: 4)
        var generator = SeededGenerator(seed: 2)
        let width = 7
        let links = (0..<count * width).map { _ in
            UInt32.random(in: 0..<UInt32(count + 20), using: &generator)
        }
        let three: [UInt8] =
            links.flatMap { id -> [UInt8] in
                [UInt8(truncatingIfNeeded: id), UInt8(truncatingIfNeeded: id >> 8), 0]
            }
            + [0]
        let four: [UInt8] = littleEndian(links) + [0]
        let queryCount = 3
        let queries = (0..<queryCount * blocks * 128).map { _ in
            Int8.random(in: -127...127, using: &generator)
        }
        let entries: [UInt32] = [5, 90, 200]
        let accepted = (0..<5).map { _ in UInt64.random(in: 0...UInt64.max, using: &generator) }
        /// Rows and similarities that queries find, several at a time.
        func walk(
            _ idBytes: Int32, _ filter: Int, _ ef: UInt32, together: Int = queryCount,
            _ variant: (
                UnsafeMutablePointer<UInt32>?, UnsafeMutablePointer<Float>?, UnsafePointer<kindred_graph>?,
                UnsafePointer<kindred_graph_query>?, UnsafeMutablePointer<kindred_graph_work>?, Int,
                UnsafePointer<kindred_graph_walk>?
            ) -> Void
        ) -> [[UInt32]] {
            var rows = [UInt32](repeating: 0, count: together * Int(ef))
            var similarities = [Float](repeating: 0, count: together * Int(ef))
            var visited = [UInt64](repeating: 0, count: 5 * together)
            var touched = [UInt32](repeating: 0, count: (count + 256) * together)
            var pools = [UInt64](repeating: 0, count: 2 * Int(ef) * together)
            var results: [[UInt32]] = []
            unsafe bytes.withUnsafeBufferPointer { head in
                unsafe (idBytes == 3 ? three : four).withUnsafeBufferPointer { list in
                    unsafe queries.withUnsafeBufferPointer { q in
                        unsafe visited.withUnsafeMutableBufferPointer { v in
                            unsafe touched.withUnsafeMutableBufferPointer { t in
                                unsafe pools.withUnsafeMutableBufferPointer { p in
                                    var graph = unsafe kindred_graph(
                                        head: head.baseAddress, head_blocks: blocks, links: list.baseAddress,
                                        width: width, id_bytes: idBytes, has_bias: 0, count: UInt32(count))
                                    for first in stride(from: 0, to: queryCount, by: together) {
                                        let requests = unsafe (first..<first + together).map { number in
                                            let start = number * blocks * 128
                                            return unsafe kindred_graph_query(
                                                bytes: q.baseAddress! + start, scale: 0.01, offset: 0.5,
                                                sum: q[start..<start + blocks * 128].reduce(0) {
                                                    $0 + Int32($1)
                                                })
                                        }
                                        var works = unsafe (0..<together).map { number in
                                            unsafe kindred_graph_work(
                                                visited: v.baseAddress! + 5 * number,
                                                touched: t.baseAddress! + (count + 256) * number,
                                                pool: p.baseAddress! + 2 * Int(ef) * number,
                                                found: p.baseAddress! + 2 * Int(ef) * number + Int(ef),
                                                count: 0)
                                        }
                                        unsafe entries.withUnsafeBufferPointer { e in
                                            unsafe accepted.withUnsafeBufferPointer { a in
                                                var walk = unsafe kindred_graph_walk(
                                                    ef: ef, seeds: 2, entries: e.baseAddress,
                                                    entry_count: e.count,
                                                    accepted: a.baseAddress, filter: Int32(filter))
                                                unsafe variant(
                                                    &rows, &similarities, &graph, requests, &works, together,
                                                    &walk)
                                            }
                                        }
                                        for number in 0..<together {
                                            let count = unsafe Int(works[number].count)
                                            let range = number * Int(ef)..<number * Int(ef) + count
                                            results.append(
                                                rows[range] + similarities[range].map(\.bitPattern))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            #expect(visited.allSatisfy { $0 == 0 })
            return results
        }
        for filter in [KINDRED_ACCEPT_ALL, KINDRED_COLLECT_ACCEPTED, KINDRED_TWO_HOPS] {
            for ef: UInt32 in [1, 2, 33] {
                let expected = unsafe walk(4, filter, ef, kindred_graph_search_portable)
                #expect(expected.allSatisfy { !$0.isEmpty } || filter != KINDRED_ACCEPT_ALL)
                if filter != KINDRED_ACCEPT_ALL {
                    #expect(
                        expected.allSatisfy { found in
                            found[..<(found.count / 2)].allSatisfy {
                                accepted[Int($0 >> 6)] >> UInt64($0 & 63) & 1 == 1
                            }
                        })
                }
                unsafe #expect(walk(4, filter, ef, together: 1, kindred_graph_search) == expected)
                for idBytes: Int32 in [3, 4] {
                    unsafe #expect(walk(idBytes, filter, ef, kindred_graph_search) == expected)
                    unsafe #expect(walk(idBytes, filter, ef, kindred_graph_search_portable) == expected)
                    if hasAVX2 {
                        unsafe #expect(walk(idBytes, filter, ef, kindred_graph_search_avx2) == expected)
                    }
                    if hasVNNI {
                        unsafe #expect(
                            walk(idBytes, filter, ef, kindred_graph_search_avx512_vnni) == expected)
                    }
                    if hasNEON {
                        unsafe #expect(walk(idBytes, filter, ef, kindred_graph_search_neon) == expected)
                    }
                }
            }
        }
    }

    @Test(arguments: [(1, 8, 12), (5, 121, 12), (70, 127, 5), (131, 250, 16), (300, 60, 12), (90, 64, 40)])
    func `every variant finds and prunes the same neighbours, also of rows that are equal`(
        count: Int, dimensions: Int, look: Int
    ) {
        let (bytes, blocks) = heads(count, dimensions: dimensions, seed: 8)
        // Some rows stand there twice and are as near as each other.
        let rows = (0..<UInt32(count)).map { $0 % UInt32(max(1, count * 4 / 5)) }
        let candidates = Array((rows + rows.reversed()).prefix(256))
        let extra = rows.map { Float($0 % 3) }
        let keep = 5
        var work = [UInt8](repeating: 0, count: kindred_neighbors_work(2 * count + 1, blocks) + 64)
        func results(
            _ leaf: (
                UnsafeMutablePointer<UInt32>?, UnsafeMutablePointer<Float>?, UnsafePointer<kindred_heads>?,
                UnsafePointer<UInt32>?, Int, Int, Int, Float, UnsafeMutablePointer<UInt8>?
            ) -> Void,
            _ prune: (
                UnsafeMutablePointer<UInt32>?, UnsafePointer<kindred_heads>?, UInt32, UnsafePointer<UInt32>?,
                Int, Int,
                Int, Float, UnsafeMutablePointer<UInt8>?
            ) -> Int,
            _ leaders: (
                UnsafeMutablePointer<UInt32>?, UnsafePointer<kindred_heads>?, UnsafePointer<UInt32>?, Int,
                UnsafePointer<UInt32>?, Int, Int, UnsafeMutablePointer<UInt8>?
            ) -> Void
        ) -> [UInt32] {
            unsafe bytes.withUnsafeBufferPointer { plane in
                unsafe extra.withUnsafeBufferPointer { extra in
                    unsafe work.withUnsafeMutableBufferPointer { work in
                        let start =
                            unsafe work.baseAddress! + (64 - Int(bitPattern: work.baseAddress!) % 64) % 64
                        let first = min(dimensions, blocks > 1 ? 128 : dimensions)
                        var heads = unsafe kindred_heads(
                            plane: plane.baseAddress, blocks: blocks, group_count: blocks > 1 ? 2 : 1,
                            dimensions: (first, dimensions - first), weights: (64, 29),
                            extra: extra.baseAddress)
                        var near = [UInt32](repeating: 1, count: count * keep)
                        var distances = [Float](repeating: 1, count: count * keep)
                        unsafe leaf(&near, &distances, &heads, rows, count, look, keep, 1.2, start)
                        var kept = [UInt32](repeating: 0, count: 512)
                        let n = unsafe prune(&kept, &heads, 0, candidates, candidates.count, 9, 6, 1.1, start)
                        let each = min(count, 14)
                        var nearest = [UInt32](repeating: 0, count: count * each)
                        unsafe leaders(&nearest, &heads, rows, count, rows, count, each, start)
                        return near + distances.map(\.bitPattern) + kept[..<n] + nearest
                    }
                }
            }
        }
        let expected = unsafe results(
            kindred_leaf_neighbors_portable, kindred_prune_portable, kindred_nearest_leaders_portable)
        unsafe #expect(results(kindred_leaf_neighbors, kindred_prune, kindred_nearest_leaders) == expected)
        if hasAVX2 {
            unsafe #expect(
                results(kindred_leaf_neighbors_avx2, kindred_prune_avx2, kindred_nearest_leaders_avx2)
                    == expected)
        }
        if hasVNNI {
            unsafe #expect(
                results(
                    kindred_leaf_neighbors_avx512_vnni, kindred_prune_avx512_vnni,
                    kindred_nearest_leaders_avx512_vnni) == expected)
        }
        if hasNEON {
            unsafe #expect(
                results(kindred_leaf_neighbors_neon, kindred_prune_neon, kindred_nearest_leaders_neon)
                    == expected)
        }
    }
}
