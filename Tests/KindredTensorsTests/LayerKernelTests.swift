import CKindredKernels
import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import Testing

@Suite struct LayerKernelTests {
    private func random(_ count: Int, seed: UInt64, scale: Float = 4) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
    }

    private func close(_ a: [Float], _ b: [Float], within tolerance: Float = 3e-6) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
    }

    private var hasAVX2: Bool { kindred_features() & UInt32(KINDRED_AVX2) != 0 }
    private var hasAVX512: Bool { kindred_features() & UInt32(KINDRED_AVX512) != 0 }

    private typealias Norm =
        @convention(c) (
            UnsafeMutablePointer<Float>?, Int, UnsafePointer<Float>?, Int, UnsafePointer<Float>?, Int, Int,
            Float
        ) -> Void

    @Test(arguments: [1, 2, 15, 16, 17, 31, 64, 100])
    func `every variant of the norm agrees with the definition`(columns: Int) {
        let rows = 3
        let x = random(rows * columns, seed: 1)
        let weight = random(columns, seed: 2)
        var expected: [Float] = []
        for row in 0..<rows {
            let values = x[row * columns..<(row + 1) * columns]
            let mean = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(columns)
            expected += zip(values, weight).map {
                Float(Double($0) / (mean + 1e-5).squareRoot() * Double($1))
            }
        }
        var variants: [Norm] = unsafe [kindred_rms_norm, kindred_rms_norm_portable]
        if hasAVX2 { unsafe variants.append(kindred_rms_norm_avx2) }
        if hasAVX512 { unsafe variants.append(kindred_rms_norm_avx512) }
        for index in unsafe variants.indices {
            let variant = unsafe variants[index]
            var out = [Float](repeating: .nan, count: x.count)
            unsafe variant(&out, columns, x, columns, weight, rows, columns, 1e-5)
            #expect(close(out, expected))
        }
    }

    private typealias Softmax =
        @convention(c) (UnsafeMutablePointer<Float>?, Int, Int, Int, Float, Int32) -> Void

    @Test(arguments: [1, 2, 15, 16, 17, 33, 70], [false, true])
    func `every variant of the softmax agrees with the definition`(columns: Int, causal: Bool) {
        let x = random(columns * columns, seed: 3, scale: 60)
        let scale: Float = 0.7
        var expected: [Float] = []
        for row in 0..<columns {
            let visible = causal ? row + 1 : columns
            let values = x[row * columns..<row * columns + visible].map { Double($0 * scale) }
            let peak = values.max()!
            let powers = values.map { exponential($0 - peak) }
            let sum = powers.reduce(0, +)
            expected += powers.map { Float($0 / sum) } + [Float](repeating: 0, count: columns - visible)
        }
        var variants: [Softmax] = unsafe [kindred_softmax, kindred_softmax_portable]
        if hasAVX2 { unsafe variants.append(kindred_softmax_avx2) }
        if hasAVX512 { unsafe variants.append(kindred_softmax_avx512) }
        for index in unsafe variants.indices {
            let variant = unsafe variants[index]
            var out = x
            unsafe variant(&out, columns, columns, columns, scale, causal ? 1 : 0)
            #expect(close(out, expected))
        }
    }

    private typealias Activate =
        @convention(c) (
            UnsafeMutablePointer<Float>?, Int, UnsafePointer<Float>?, Int, Int, Int, kindred_activation
        ) -> Void

    @Test(arguments: [1, 7, 16, 19, 64, 131], [KINDRED_SILU, KINDRED_GELU, KINDRED_GELU_TANH, KINDRED_RELU])
    func `every variant of the activations agrees with their definitions`(
        columns: Int, activation: kindred_activation
    ) {
        let x = random(columns, seed: 4, scale: columns % 2 == 0 ? 4 : 100)
        let up = random(columns, seed: 5)
        func expected(_ x: Double) -> Double {
            switch activation {
            case KINDRED_SILU: x / (1 + exponential(-x))
            case KINDRED_GELU: 0.5 * x * (1 + erf(x / 2.0.squareRoot()))
            case KINDRED_GELU_TANH:
                0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
            default: max(x, 0)
            }
        }
        var variants: [Activate] = unsafe [kindred_activate, kindred_activate_portable]
        if hasAVX2 { unsafe variants.append(kindred_activate_avx2) }
        if hasAVX512 { unsafe variants.append(kindred_activate_avx512) }
        for index in unsafe variants.indices {
            let variant = unsafe variants[index]
            var (gated, plain) = (x, x)
            unsafe variant(&gated, columns, up, columns, 1, columns, activation)
            unsafe variant(&plain, columns, nil, 0, 1, columns, activation)
            #expect(close(gated, zip(x, up).map { Float(expected(Double($0)) * Double($1)) }))
            #expect(close(plain, x.map { Float(expected(Double($0))) }))
        }
    }

    private typealias LayerNorm =
        @convention(c) (
            UnsafeMutablePointer<Float>?, Int, UnsafePointer<Float>?, Int, UnsafePointer<Float>?,
            UnsafePointer<Float>?, Int, Int, Float
        ) -> Void

    @Test(arguments: [1, 2, 15, 16, 17, 64, 100])
    func `every variant of the layer norm agrees with the definition`(columns: Int) {
        let rows = 3
        // A mean far from zero, which the variance must not lose.
        let x = random(rows * columns, seed: 11).map { $0 + 50 }
        let (weight, bias) = (random(columns, seed: 12), random(columns, seed: 13))
        var expected: [Float] = []
        for row in 0..<rows {
            let values = x[row * columns..<(row + 1) * columns].map(Double.init)
            let mean = values.reduce(0, +) / Double(columns)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
            expected += values.indices.map {
                Float(
                    (values[$0] - mean) / (variance + 1e-5).squareRoot() * Double(weight[$0])
                        + Double(bias[$0]))
            }
        }
        var variants: [LayerNorm] = unsafe [kindred_layer_norm, kindred_layer_norm_portable]
        if hasAVX2 { unsafe variants.append(kindred_layer_norm_avx2) }
        if hasAVX512 { unsafe variants.append(kindred_layer_norm_avx512) }
        for index in unsafe variants.indices {
            let variant = unsafe variants[index]
            var out = [Float](repeating: .nan, count: x.count)
            unsafe variant(&out, columns, x, columns, weight, bias, rows, columns, 1e-5)
            #expect(close(out, expected, within: 2e-5))
        }
    }

    private typealias Cap = @convention(c) (UnsafeMutablePointer<Float>?, Int, Int, Int, Float, Float) -> Void

    @Test(arguments: [1, 16, 19, 70])
    func `every variant of the cap agrees with the definition`(columns: Int) {
        let x = random(columns, seed: 14, scale: 300)
        let expected = x.map { Float(5 * tanh(Double($0) * 0.2 / 5)) }
        var variants: [Cap] = unsafe [kindred_cap, kindred_cap_portable]
        if hasAVX2 { unsafe variants.append(kindred_cap_avx2) }
        if hasAVX512 { unsafe variants.append(kindred_cap_avx512) }
        for index in unsafe variants.indices {
            let variant = unsafe variants[index]
            var out = x
            unsafe variant(&out, columns, 1, columns, 0.2, 5)
            #expect(close(out, expected))
        }
    }

    private typealias Rotate =
        @convention(c) (
            UnsafeMutablePointer<Float>?, Int, Int, Int, Int, UnsafePointer<Float>?, UnsafePointer<Float>?
        ) -> Void

    @Test(arguments: [1, 3, 8, 16, 17])
    func `every variant of the rotation turns pairs by their angles`(half: Int) {
        let rows = 2
        let heads = 3
        let width = heads * 2 * half
        let x = random(rows * width, seed: 6)
        let cosines = random(rows * half, seed: 7, scale: 1)
        let sines = random(rows * half, seed: 8, scale: 1)
        var expected = x
        for row in 0..<rows {
            for head in 0..<heads {
                for pair in 0..<half {
                    let first = row * width + head * 2 * half + pair
                    let (c, s) = (cosines[row * half + pair], sines[row * half + pair])
                    expected[first] = x[first] * c - x[first + half] * s
                    expected[first + half] = x[first + half] * c + x[first] * s
                }
            }
        }
        var variants: [Rotate] = unsafe [kindred_rotate, kindred_rotate_portable]
        if hasAVX2 { unsafe variants.append(kindred_rotate_avx2) }
        if hasAVX512 { unsafe variants.append(kindred_rotate_avx512) }
        for index in unsafe variants.indices {
            let variant = unsafe variants[index]
            var out = x
            unsafe variant(&out, width, rows, heads, half, cosines, sines)
            #expect(close(out, expected))
        }
    }

    @Test func `half precision is converted exactly`() {
        let halves: [UInt16] = [
            0x0000, 0x8000, 0x3C00, 0xC000, 0x0001, 0x03FF, 0x0400, 0x7BFF, 0x7C00, 0xFC00,
        ]
        var out = [Float](repeating: .nan, count: halves.count)
        unsafe kindred_f16_to_f32(&out, halves, halves.count)
        #expect(
            out == [0, -0.0, 1, -2, 5.9604645e-8, 6.097555e-5, 6.1035156e-5, 65504, .infinity, -.infinity])
        let brains: [UInt16] = [0x3F80, 0xC049, 0x7F80, 0x0000]
        unsafe kindred_bf16_to_f32(&out, brains, brains.count)
        #expect(Array(out.prefix(4)) == [1, -3.140625, .infinity, 0])
    }
}

@Suite struct BLASTests {
    @Test(arguments: [false, true])
    func `a product equals the sum over the inner dimension`(transposed: Bool) {
        let (m, k, n) = (5, 7, 3)
        let a = AlignedBuffer<Float>((0..<m * k).map { Float($0 % 11) - 5 })
        let b = AlignedBuffer<Float>((0..<k * n).map { Float($0 % 7) - 3 })
        let c = AlignedBuffer<Float>(repeating: 1, count: m * n)
        BLAS.multiply(
            MatrixView(a, rows: m, columns: k),
            transposed ? MatrixView(b, rows: n, columns: k) : MatrixView(b, rows: k, columns: n),
            transposed: transposed, into: MatrixView(c, rows: m, columns: n), adding: 2)
        for row in 0..<m {
            for column in 0..<n {
                let sum = (0..<k).reduce(Float(0)) {
                    $0 + a[row * k + $1] * (transposed ? b[column * k + $1] : b[$1 * n + column])
                }
                #expect(c[row * n + column] == sum + 2)
            }
        }
    }
}

/// e^x without Foundation: the limit of the standard library's own operations.
private func exponential(_ x: Double) -> Double {
    // Halving the argument ten times keeps the series short and exact to double precision.
    let small = x / 1024
    var term = 1.0
    var sum = 1.0
    for index in 1...12 {
        term *= small / Double(index)
        sum += term
    }
    for _ in 0..<10 { sum *= sum }
    return sum
}
