import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredTraining

@Suite struct LinearMapTests {
    @Test(arguments: [LayerKernels.Precision.f32, .i8])
    func `a linear map stays with a model that is trained on and merged`(precision: LayerKernels.Precision)
        throws
    {
        let tiny = try TinyRun(sentences: true)
        let weights = AlignedBuffer((0..<160).map { Float(($0 * 37) % 23 - 11) / 20 })
        try Dense.write(
            .init(inputs: 32, outputs: 5), weight: (weights, 0), bias: nil,
            to: tiny.model.path.appending(Dense.directory))
        let base = try ModelDirectory(tiny.model.path)
        let adapter = try ModelDirectory(#require(tiny.train("adapter", on: base).result))
        #expect(adapter.dimensions == 5)
        let merged = tiny.directory.path.appending("merged")
        try MergedModel.write(
            DecoderWeights.load(adapter), of: adapter, usage: adapter.usage, as: precision, to: merged)
        let whole = try ModelDirectory(merged)
        #expect(try #require(whole.dense).weight.precision == .f32)
        let (a, b) = (
            try TextEncoder(adapter).encode(["a hive"]).row(0),
            try TextEncoder(whole).encode(["a hive"]).row(0)
        )
        #expect(zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } > 0.995)
        var options = tiny.options
        (options.full, options.dropout) = (true, 0)
        let full = try ModelDirectory(#require(tiny.train("full", options, on: base).result))
        // With all weights the map is trained too.
        let moved = zip(try #require(full.dense).weight.floats().array(), weights.array()).map {
            abs($0 - $1)
        }
        #expect(moved.contains { $0 > 1e-4 })
    }
}
