import CKindredKernels
import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import Testing

@Suite struct Int8ProductTests {
    private typealias Rows =
        @convention(c) (
            UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, Int, Int, Int
        ) -> Void
    private typealias Multiply =
        @convention(c) (
            UnsafeMutablePointer<Float>?, Int, UnsafePointer<UInt8>?, UnsafePointer<Float>?,
            UnsafePointer<Int8>?, UnsafePointer<Float>?, UnsafePointer<Int32>?, Int, Int, Int, Int32,
            UnsafeMutablePointer<Int16>?
        ) -> Void

    private var variants: [(rows: Rows, multiply: Multiply)] {
        let features = kindred_features()
        var variants: [(Rows, Multiply)] = unsafe [
            (kindred_int8_rows, kindred_int8_multiply), (kindred_int8_rows_neon, kindred_int8_multiply_neon),
        ]
        if features & UInt32(KINDRED_AVX2) != 0 {
            unsafe variants.append((kindred_int8_rows_avx2, kindred_int8_multiply_avx2))
        }
        if features & UInt32(KINDRED_AVX_VNNI) != 0 {
            unsafe variants.append((kindred_int8_rows_avx_vnni, kindred_int8_multiply_avx_vnni))
        }
        if features & UInt32(KINDRED_AVX512_VNNI) != 0 {
            unsafe variants.append((kindred_int8_rows_avx512_vnni, kindred_int8_multiply_avx512_vnni))
        }
        return unsafe variants
    }

    private func random(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Float.random(in: -3...3, using: &generator) }
    }

    @Test(
        arguments: [
            (1, 1, 1), (2, 7, 3), (3, 9, 5), (4, 24, 8), (5, 64, 4), (6, 65, 17), (7, 100, 66),
            (13, 130, 129),
        ],
        [false, true])
    func `every variant gives the bits of the portable one`(_ size: (Int, Int, Int), adding: Bool) {
        let (rows, columns, inner) = size
        // Extremes of both factors: the sums that would overflow where bytes are multiplied pairwise in 16 bits.
        var x = random(rows * inner, seed: 1)
        for index in 0..<inner { x[index] = index % 2 == 0 ? 5 : 5.000001 }
        let weights = (0..<columns * inner).map { Int8(truncatingIfNeeded: ($0 * 89) % 255 - 127) }
        let columnScales = random(columns, seed: 2)
        var packed = [Int8](repeating: 1, count: kindred_int8_packed_count(columns, inner))
        var sums = [Int32](repeating: 0, count: columns)
        unsafe kindred_int8_pack(&packed, &sums, weights, columns, inner)
        let before = random(rows * columns, seed: 3)

        func product(_ variant: (rows: Rows, multiply: Multiply)) -> ([UInt8], [Float], [Float]) {
            var a = [UInt8](repeating: 0, count: rows * kindred_int8_row_bytes(inner))
            var work = [Int16](repeating: 0, count: kindred_int8_work_count(inner))
            var scales = [Float](repeating: 0, count: rows)
            var out = before
            unsafe variant.rows(&a, &scales, x, inner, rows, inner)
            unsafe variant.multiply(
                &out, columns, a, scales, packed, columnScales, sums, rows, columns, inner, adding ? 1 : 0,
                &work)
            return (a, scales, out)
        }
        let expected = unsafe product((kindred_int8_rows_portable, kindred_int8_multiply_portable))
        for row in 0..<rows {
            for column in 0..<columns {
                var sum: Int32 = 0
                for i in 0..<inner {
                    let code = Int32(expected.0[row * kindred_int8_stride(inner) + i]) - 128
                    sum += code * Int32(weights[column * inner + i])
                }
                let value = Float(sum) * (expected.1[row] * columnScales[column])
                let start = adding ? before[row * columns + column] : 0
                #expect(expected.2[row * columns + column] == start + value)
            }
        }
        for index in unsafe variants.indices {
            let variant = unsafe variants[index]
            let found = unsafe product(variant)
            #expect(found.1 == expected.1)
            #expect(found.2 == expected.2)
        }
    }

    @Test func `a level of instructions holds those below it`() {
        let levels = ["portable", "avx2", "avx-vnni"].map { level in
            var known: Int32 = 0
            let features = unsafe kindred_features_of_level(level, &known)
            #expect(known == 1)
            return features
        }
        #expect(levels[0] == 0)
        #expect(levels[1] & UInt32(KINDRED_AVX2) != 0 && levels[1] & UInt32(KINDRED_AVX_VNNI) == 0)
        #expect(levels[2] == levels[1] | UInt32(KINDRED_AVX_VNNI))
    }

    @Test func `a quantized row is within half a step of the floats`() {
        let x = random(3 * 37, seed: 4)
        var codes = [Int8](repeating: 0, count: x.count)
        var scales = [Float](repeating: 0, count: 3)
        unsafe kindred_int8_quantize(&codes, &scales, x, 37, 3, 37)
        for row in 0..<3 {
            #expect(codes[row * 37..<(row + 1) * 37].contains { abs($0) == 127 })
            for index in row * 37..<(row + 1) * 37 {
                #expect(abs(Float(codes[index]) * scales[row] - x[index]) <= scales[row] * 0.5001)
            }
        }
    }

    @Test func `rows of zeros give zeros and rows that are not finite give none`() {
        var x = [Float](repeating: 0, count: 3 * 40)
        x[40 + 3] = .nan
        x[80 + 39] = .infinity
        let weights = Int8Products.Weights(
            MatrixView(AlignedBuffer(random(5 * 40, seed: 5)), rows: 5, columns: 40))
        let rows = Int8Products.Rows()
        rows.take(MatrixView(AlignedBuffer(x), rows: 3, columns: 40))
        let y = AlignedBuffer<Float>(repeating: 1, count: 15)
        weights.multiply(rows, into: MatrixView(y, rows: 3, columns: 5), adding: false)
        #expect(y.array(0..<5) == [0, 0, 0, 0, 0])
        #expect(y.array(5..<15).allSatisfy { !$0.isFinite })
    }

    @Test(arguments: Precision.allCases)
    func `linear layers agree with fp32 as far as their precision goes`(precision: Precision) {
        let (rows, outputs, inputs) = (9, 70, 96)
        let x = MatrixView(AlignedBuffer(random(rows * inputs, seed: 6)), rows: rows, columns: inputs)
        let w = Matrix(
            rows: outputs, columns: inputs, elements: AlignedBuffer(random(outputs * inputs, seed: 7)))
        let expected = MatrixView(
            AlignedBuffer(repeating: 0, count: rows * outputs), rows: rows, columns: outputs)
        BLAS.multiply(
            x, MatrixView(w.elements, rows: outputs, columns: inputs), transposed: true, into: expected)
        let found = MatrixView(
            AlignedBuffer(repeating: 0, count: rows * outputs), rows: rows, columns: outputs)
        LinearWeights(w, precision: precision).multiply(x, into: found, LinearWeights.Scratch())
        let error = zip(found.buffer.array(), expected.buffer.array()).reduce(0.0) {
            $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
        }
        let size = expected.buffer.array().reduce(0.0) { $0 + Double($1 * $1) }
        let bound =
            switch precision {
            case .float32: 0.0
            case .bfloat16: 5e-3
            case .int8: 1.2e-2
            }
        #expect((error / size).squareRoot() <= bound)
        if precision != .float32 { #expect(error > 0) }
    }

    @Test func `a row with an outlier keeps its small elements and other rows keep their bits`() {
        let (rows, outputs, inputs) = (4, 33, 96)
        var values = random(rows * inputs, seed: 8)
        values[2 * inputs + 5] = 900
        let x = MatrixView(AlignedBuffer(values), rows: rows, columns: inputs)
        // The outlier meets a weight of zero, so that the products are those of the small elements.
        var w = random(outputs * inputs, seed: 9)
        for output in 0..<outputs { w[output * inputs + 5] = 0 }
        let weights = Int8Products.Weights(MatrixView(AlignedBuffer(w), rows: outputs, columns: inputs))
        func product(outlierRatio: Float?) -> [Float] {
            let factor = Int8Products.Rows()
            // Memory of a former product is no part of the next.
            factor.take(
                MatrixView(AlignedBuffer(random(9 * inputs, seed: 10)), rows: 9, columns: inputs),
                outlierRatio: 1.1)
            factor.take(x, outlierRatio: outlierRatio)
            let y = AlignedBuffer<Float>(repeating: 1, count: rows * outputs)
            weights.multiply(factor, into: MatrixView(y, rows: rows, columns: outputs), adding: true)
            return y.array()
        }
        let (plain, split) = (product(outlierRatio: nil), product(outlierRatio: 6))
        func error(_ found: [Float], row: Int) -> Double {
            var (wrong, size) = (0.0, 0.0)
            for output in 0..<outputs {
                let exact = (0..<inputs).reduce(0.0) {
                    $0 + Double(values[row * inputs + $1]) * Double(w[output * inputs + $1])
                }
                wrong += pow(Double(found[row * outputs + output]) - 1 - exact, 2)
                size += exact * exact
            }
            return (wrong / size).squareRoot()
        }
        #expect(error(plain, row: 2) > 0.3)
        #expect(error(split, row: 2) < 0.015)
        for row in [0, 1, 3] {
            let range = row * outputs..<(row + 1) * outputs
            #expect(plain[range] == split[range])
        }
    }
}
