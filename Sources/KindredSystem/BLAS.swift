import CKindredKernels
import COpenBLAS

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Products of matrices by OpenBLAS.
package enum BLAS {
    /// A row-major matrix inside a buffer: `rows` × `columns`, row r at `offset + r * stride`.
    package struct Operand {
        package let buffer: AlignedBuffer<Float>
        package let offset: Int
        package let rows: Int
        package let columns: Int
        package let stride: Int

        package init(
            _ buffer: AlignedBuffer<Float>, offset: Int = 0, rows: Int, columns: Int, stride: Int? = nil
        ) {
            let stride = stride ?? columns
            precondition(rows > 0 && columns > 0 && offset >= 0 && stride >= columns)
            precondition(offset + (rows - 1) * stride + columns <= buffer.count, "operand out of bounds")
            self.buffer = buffer
            self.offset = offset
            self.rows = rows
            self.columns = columns
            self.stride = stride
        }

        @inlinable package var pointer: UnsafeMutablePointer<Float> { buffer.pointer(offset..<offset) }
    }

    /// OpenBLAS runs on the caller's thread. Kindred's products are many and small (a pack of passages, a head of a
    /// sequence): a thread for each pack scales better than two threads inside every product.
    private static let isPrepared: Void = {
        openblas_set_num_threads(1)
        useKernelsOfThisProcessor()
    }()

    /// An OpenBLAS older than the processor falls back to kernels of an early one: Debian's 0.3.21 multiplies by Haswell's on
    /// a Zen 5, without AVX-512. Its own start-up is run again then, with its own setting (driver/others/dynamic.c), unless
    /// the user made that setting. Where OpenBLAS has no start-up to run, everything stays as it was.
    private static func useKernelsOfThisProcessor() {
        let setting = "OPENBLAS_CORETYPE"
        guard kindred_features() & UInt32(KINDRED_AVX512) != 0, getenv(setting) == nil,
            let name = openblas_get_corename(), ["Haswell", "Zen"].contains(String(cString: name)),
            let stop = dlsym(nil, "gotoblas_dynamic_quit"), let start = dlsym(nil, "gotoblas_dynamic_init")
        else { return }
        typealias Step = @convention(c) () -> Void
        setenv(setting, "SkylakeX", 1)
        unsafeBitCast(stop, to: Step.self)()
        unsafeBitCast(start, to: Step.self)()
        unsetenv(setting)
    }

    /// c = a · b + beta · c, where b is transposed first if `transposed`: a is m × k, b is k × n (or n × k), c is m × n.
    package static func multiply(
        _ a: Operand, _ b: Operand, transposed: Bool = false, into c: Operand, adding beta: Float = 0
    ) {
        let inner = transposed ? b.columns : b.rows
        let width = transposed ? b.rows : b.columns
        precondition(a.columns == inner && c.rows == a.rows && c.columns == width, "shapes do not fit")
        product(
            a, CblasNoTrans, b, transposed ? CblasTrans : CblasNoTrans, inner: inner, into: c,
            adding: beta)
    }

    /// c = aᵀ · b + beta · c: a is k × m, b is k × n, c is m × n.
    package static func multiply(
        transposed a: Operand, _ b: Operand, into c: Operand, adding beta: Float = 0
    ) {
        precondition(a.rows == b.rows && c.rows == a.columns && c.columns == b.columns, "shapes do not fit")
        product(a, CblasTrans, b, CblasNoTrans, inner: a.rows, into: c, adding: beta)
    }

    /// Replaces a symmetric matrix by its eigenvectors of length 1, a row each, in the order of rising eigenvalues.
    ///
    /// - Returns: the eigenvalues; nil where the iteration does not converge.
    package static func eigenvectors(_ a: Operand) -> [Float]? {
        precondition(a.rows == a.columns && a.stride == a.columns, "not square")
        _ = isPrepared
        var (n, info): (blasint, blasint) = (blasint(a.rows), 0)
        var values = [Float](repeating: 0, count: a.rows)
        // The sizes that LAPACK's documentation gives.
        var (workSize, integerWorkSize) = (1 + 6 * n + 2 * n * n, 3 + 5 * n)
        var work = [Float](repeating: 0, count: Int(workSize))
        var integerWork = [blasint](repeating: 0, count: Int(integerWorkSize))
        ssyevd_("V", "U", &n, a.pointer, &n, &values, &work, &workSize, &integerWork, &integerWorkSize, &info)
        return info == 0 ? values : nil
    }

    private static func product(
        _ a: Operand, _ aLayout: CBLAS_TRANSPOSE, _ b: Operand, _ bLayout: CBLAS_TRANSPOSE, inner: Int,
        into c: Operand, adding beta: Float
    ) {
        _ = isPrepared
        cblas_sgemm(
            CblasRowMajor, aLayout, bLayout, blasint(c.rows), blasint(c.columns), blasint(inner), 1,
            a.pointer, blasint(a.stride), b.pointer, blasint(b.stride), beta, c.pointer, blasint(c.stride))
    }
}

extension BLAS.Operand {
    /// Some of the columns.
    package func slice(columns range: Range<Int>) -> BLAS.Operand {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns)
        return BLAS.Operand(
            buffer, offset: offset + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// Some of the rows.
    package func slice(rows range: Range<Int>) -> BLAS.Operand {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows)
        return BLAS.Operand(
            buffer, offset: offset + range.lowerBound * stride, rows: range.count, columns: columns,
            stride: stride)
    }

    package func fill(_ value: Float) {
        for row in 0..<rows { (pointer + row * stride).update(repeating: value, count: columns) }
    }

    /// Takes the elements of a matrix of the same shape.
    package func copy(_ x: BLAS.Operand) {
        precondition(rows == x.rows && columns == x.columns, "shapes do not fit")
        for row in 0..<rows {
            (pointer + row * stride).update(from: x.pointer + row * x.stride, count: columns)
        }
    }

    package func scale(by factor: Float) {
        for row in 0..<rows {
            let start = pointer + row * stride
            for column in 0..<columns { start[column] *= factor }
        }
    }

    /// Each row += the one row of `vector`.
    package func addToRows(_ vector: BLAS.Operand) {
        precondition(vector.rows == 1 && vector.columns == columns)
        for row in 0..<rows {
            let start = pointer + row * stride
            for column in 0..<columns { start[column] += vector.pointer[column] }
        }
    }

    /// This one row += each row of `x`.
    package func addRows(of x: BLAS.Operand) {
        precondition(rows == 1 && x.columns == columns)
        for row in 0..<x.rows {
            let start = x.pointer + row * x.stride
            for column in 0..<columns { pointer[column] += start[column] }
        }
    }

    /// This += xᵀ.
    package func addTransposed(_ x: BLAS.Operand) {
        precondition(rows == x.columns && columns == x.rows)
        for row in 0..<rows {
            for column in 0..<columns { pointer[row * stride + column] += x.pointer[column * x.stride + row] }
        }
    }

    /// Copies rows of `source` here: row i from its row `indices[i]`.
    package func gather(_ indices: [Int], from source: BLAS.Operand) {
        precondition(indices.count == rows && source.columns == columns)
        for (row, index) in indices.enumerated() {
            precondition(index >= 0 && index < source.rows)
            (pointer + row * stride).update(from: source.pointer + index * source.stride, count: columns)
        }
    }

    /// Adds each row i of `x` to row `indices[i]` here.
    package func scatterAdd(_ x: BLAS.Operand, to indices: [Int]) {
        precondition(indices.count == x.rows && x.columns == columns)
        for (row, index) in indices.enumerated() {
            precondition(index >= 0 && index < rows)
            let (target, source) = (pointer + index * stride, x.pointer + row * x.stride)
            for column in 0..<columns { target[column] += source[column] }
        }
    }
}
