import KindredSystem
import KindredTensors

extension VectorRows {
    /// The sum of squares of each row.
    package static func squares(
        _ rows: AlignedBuffer<Float>, count: Int, dimensions: Int, into out: AlignedBuffer<Float>
    ) {
        let values = unsafe rows.pointer(0..<count * dimensions)
        let sums = unsafe out.pointer(0..<count)
        for row in 0..<count {
            var lanes = SIMD16<Float>(repeating: 0)
            let start = unsafe values + row * dimensions
            var column = 0
            while column + 16 <= dimensions {
                let part = unsafe UnsafeRawPointer(start + column).loadUnaligned(as: SIMD16<Float>.self)
                lanes += part * part
                column += 16
            }
            var sum = lanes.sum()
            while column < dimensions {
                unsafe sum += start[column] * start[column]
                column += 1
            }
            unsafe sums[row] = sum
        }
    }

    /// The largest magnitude of each row.
    package static func magnitudes(
        _ rows: AlignedBuffer<Float>, count: Int, dimensions: Int, into out: AlignedBuffer<Float>
    ) {
        let values = unsafe rows.pointer(0..<count * dimensions)
        let magnitudes = unsafe out.pointer(0..<count)
        for row in 0..<count {
            var largest: Float = 0
            for column in row * dimensions..<(row + 1) * dimensions {
                largest = unsafe max(largest, abs(values[column]))
            }
            unsafe magnitudes[row] = largest
        }
    }

    /// A vector whose numbers are all smaller has squares that vanish in 32 bits.
    package static let smallest: Float = 1e-15

    /// Scales each row to length 1, however small its numbers are; a row of zeros stays.
    package static func normalize(_ rows: AlignedBuffer<Float>, count: Int, dimensions: Int) {
        let squares = AlignedBuffer<Float>(repeating: 0, count: count)
        Self.squares(rows, count: count, dimensions: dimensions, into: squares)
        let values = unsafe rows.pointer(0..<count * dimensions)
        for row in 0..<count {
            let columns = row * dimensions..<(row + 1) * dimensions
            if squares[row] >= Self.smallest * Self.smallest {
                let scale = 1 / squares[row].squareRoot()
                for column in columns { unsafe values[column] *= scale }
            } else {
                let square = columns.reduce(0) { unsafe $0 + Double(values[$1]) * Double(values[$1]) }
                guard square > 0 else { continue }
                let scale = 1 / square.squareRoot()
                for column in columns { unsafe values[column] = unsafe Float(Double(values[column]) * scale) }
            }
        }
    }

    /// The length of a row, however small or large its numbers are.
    package static func length(_ rows: AlignedBuffer<Float>, row: Int, dimensions: Int) -> Double {
        let start = unsafe rows.pointer(row * dimensions..<(row + 1) * dimensions)
        return (0..<dimensions).reduce(0) { unsafe $0 + Double(start[$1]) * Double(start[$1]) }.squareRoot()
    }

    /// Sets some of the rows to zero.
    package static func clear(_ rows: AlignedBuffer<Float>, _ cleared: some Sequence<Int>, dimensions: Int) {
        for row in cleared {
            unsafe rows.pointer(row * dimensions..<(row + 1) * dimensions).update(
                repeating: 0, count: dimensions)
        }
    }

    /// row ← factor · row − vector, rounded once.
    package static func scale(
        _ rows: AlignedBuffer<Float>, row: Int, by factor: Double, subtracting vector: AlignedBuffer<Float>
    ) {
        let dimensions = vector.count
        let start = unsafe rows.pointer(row * dimensions..<(row + 1) * dimensions)
        let taken = unsafe vector.base
        for column in 0..<dimensions {
            unsafe start[column] = unsafe Float(Double(start[column]) * factor - Double(taken[column]))
        }
    }

    /// Takes `vector` from each row.
    package static func subtract(_ vector: AlignedBuffer<Float>, from rows: AlignedBuffer<Float>, count: Int)
    {
        let dimensions = vector.count
        let values = unsafe rows.pointer(0..<count * dimensions)
        let taken = unsafe vector.base
        for row in 0..<count {
            let start = unsafe values + row * dimensions
            for column in 0..<dimensions { unsafe start[column] -= taken[column] }
        }
    }

    /// Adds `vector` to each row.
    package static func add(_ vector: AlignedBuffer<Float>, to rows: AlignedBuffer<Float>, count: Int) {
        let dimensions = vector.count
        let values = unsafe rows.pointer(0..<count * dimensions)
        let added = unsafe vector.base
        for row in 0..<count {
            let start = unsafe values + row * dimensions
            for column in 0..<dimensions { unsafe start[column] += added[column] }
        }
    }

    /// Adds each row to `sums`, a number for each column.
    package static func addColumns(_ rows: AlignedBuffer<Float>, count: Int, into sums: AlignedBuffer<Double>)
    {
        let dimensions = sums.count
        let values = unsafe rows.pointer(0..<count * dimensions)
        let totals = unsafe sums.base
        for row in 0..<count {
            let start = unsafe values + row * dimensions
            for column in 0..<dimensions { unsafe totals[column] += Double(start[column]) }
        }
    }

    /// The inner product of a row and a vector, summed in 64 bits.
    package static func preciseProduct(
        _ rows: AlignedBuffer<Float>, row: Int, _ vector: AlignedBuffer<Float>
    ) -> Double {
        let dimensions = vector.count
        let start = unsafe rows.pointer(row * dimensions..<(row + 1) * dimensions)
        var sum = 0.0
        for column in 0..<dimensions { unsafe sum += Double(start[column]) * Double(vector.base[column]) }
        return sum
    }

    /// The inner product of a row and a vector.
    package static func product(_ rows: AlignedBuffer<Float>, row: Int, _ vector: AlignedBuffer<Float>)
        -> Float
    {
        let dimensions = vector.count
        let start = unsafe rows.pointer(row * dimensions..<(row + 1) * dimensions)
        var sum: Float = 0
        for column in 0..<dimensions { unsafe sum += start[column] * vector.base[column] }
        return sum
    }

    /// Mixes groups of rows that are orthonormal, and leaves them so: what each row carries is spread over all of them.
    ///
    /// Three rounds of a random permutation, random signs and Walsh–Hadamard transforms over the first and over the last
    /// 2^k rows of the group, 2^k the largest power of two that fits.
    ///
    /// - Parameter random: the next random number.
    package static func mix(
        _ rows: AlignedBuffer<Float>, range: Range<Int>, dimensions: Int, random: () -> UInt64
    ) {
        guard range.count > 1 else { return }
        let values = unsafe rows.pointer(0..<range.upperBound * dimensions)
        var power = 1
        while power * 2 <= range.count { power *= 2 }
        for _ in 0..<3 {
            for index in stride(from: range.count - 1, to: 0, by: -1) {
                let other = Int(random() % UInt64(index + 1))
                let (a, b) = unsafe (
                    values + (range.lowerBound + index) * dimensions,
                    values + (range.lowerBound + other) * dimensions
                )
                let negates = random() & 1 == 1
                for column in 0..<dimensions {
                    let value = unsafe a[column]
                    unsafe a[column] = unsafe b[column]
                    unsafe b[column] = negates ? -value : value
                }
            }
            unsafe hadamard(values + range.lowerBound * dimensions, count: power, dimensions: dimensions)
            if power < range.count {
                unsafe hadamard(
                    values + (range.upperBound - power) * dimensions, count: power, dimensions: dimensions)
            }
        }
    }

    private static func hadamard(_ values: UnsafeMutablePointer<Float>, count: Int, dimensions: Int) {
        let scale = Float(0.5).squareRoot()
        var half = 1
        while half < count {
            for start in stride(from: 0, to: count, by: 2 * half) {
                for row in start..<start + half {
                    let (a, b) = unsafe (values + row * dimensions, values + (row + half) * dimensions)
                    for column in 0..<dimensions {
                        let (x, y) = unsafe (a[column], b[column])
                        unsafe a[column] = (x + y) * scale
                        unsafe b[column] = (x - y) * scale
                    }
                }
            }
            half *= 2
        }
    }
}
