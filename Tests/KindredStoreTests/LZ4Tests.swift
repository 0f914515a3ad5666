import KindredStore
import KindredSystem
import KindredTestSupport
import Testing

@Suite struct LZ4Tests {
    @Test(arguments: [0, 1, 12, 100, 70_000])
    func `what was compressed comes back`(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7 * $0 % 13) }
        let block = LZ4.compress(bytes)
        #expect(try LZ4.decompress(block, size: count) == bytes)
        if count > 1000 { #expect(block.count < count / 2) }
    }

    @Test func `a damaged block or a wrong size is an error`() {
        let block = LZ4.compress(Array("the same words, the same words, the same words".utf8))
        #expect(throws: KindredError.self) { try LZ4.decompress(block, size: 3) }
        #expect(throws: KindredError.self) { try LZ4.decompress(block, size: 4000) }
        #expect(throws: KindredError.self) { try LZ4.decompress(block, size: -1) }
        #expect(throws: KindredError.self) { try LZ4.decompress(block, size: Int.max) }
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<500 {
            let noise = (0..<40).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = try? LZ4.decompress(noise, size: 100)
        }
    }
}
