import CKindredKernels
import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import Testing

/// Blocks of GGUF files; see Tools/goldens/gguf_goldens.py.
@Suite struct BlockTests {
    private struct Golden: Decodable {
        let bytes: Data
        let values: [Float]
    }

    @Test func `numbers of every kind of block are those of the gguf library`() throws {
        let path = Fixtures.directory().appending("blocks.json").string
        let goldens = try JSONDecoder().decode(
            [String: Golden].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        let blocked = NumberFormat.allCases.filter(\.isBlocked)
        #expect(Set(blocked.map(\.rawValue)) == Set(goldens.keys) && blocked.count == 10)
        let directory = try TemporaryDirectory()
        for precision in blocked {
            let golden = try #require(goldens[precision.rawValue])
            #expect(
                golden.values.count % precision.blockNumbers == 0
                    && golden.values.count > precision.blockNumbers)
            #expect(precision.bytes(golden.values.count) == golden.bytes.count)
            // Off by one, so that nothing is aligned.
            let file = try MappedFile(directory.file("blocks-\(precision.rawValue)", [7] + golden.bytes))
            let out = AlignedBuffer<Float>(repeating: 0, count: golden.values.count + 3)
            LayerKernels.load(file, at: 1, count: golden.values.count, as: precision, into: out, from: 3)
            #expect(out.array(3..<out.count) == golden.values, "\(precision.rawValue)")
        }
    }
}
