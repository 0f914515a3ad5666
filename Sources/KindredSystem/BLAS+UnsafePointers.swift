import CKindredKernels
import COpenBLAS

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension BLAS {
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
        guard kindred_features() & UInt32(KINDRED_AVX512) != 0, unsafe getenv(setting) == nil,
            let name = unsafe openblas_get_corename(),
            unsafe ["Haswell", "Zen"].contains(String(cString: name)),
            let stop = unsafe dlsym(nil, "gotoblas_dynamic_quit"),
            let start = unsafe dlsym(nil, "gotoblas_dynamic_init")
        else { return }
        typealias Step = @convention(c) () -> Void
        unsafe setenv(setting, "SkylakeX", 1)
        unsafe unsafeBitCast(stop, to: Step.self)()
        unsafe unsafeBitCast(start, to: Step.self)()
        unsafe unsetenv(setting)
    }

    /// c = a · b + beta · c, where b is transposed first if `transposed`: a is m × k, b is k × n (or n × k), c is m × n.
    package static func multiply(
        _ a: MatrixView, _ b: MatrixView, transposed: Bool = false, into c: MatrixView, adding beta: Float = 0
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
        transposed a: MatrixView, _ b: MatrixView, into c: MatrixView, adding beta: Float = 0
    ) {
        precondition(a.rows == b.rows && c.rows == a.columns && c.columns == b.columns, "shapes do not fit")
        product(a, CblasTrans, b, CblasNoTrans, inner: a.rows, into: c, adding: beta)
    }

    /// Replaces a symmetric matrix by its eigenvectors of length 1, a row each, in the order of rising eigenvalues.
    ///
    /// - Returns: the eigenvalues; nil where the iteration does not converge.
    package static func eigenvectors(_ a: MatrixView) -> [Float]? {
        precondition(a.rows == a.columns && a.stride == a.columns, "not square")
        _ = isPrepared
        var (n, info): (blasint, blasint) = (blasint(a.rows), 0)
        var values = [Float](repeating: 0, count: a.rows)
        // The sizes that LAPACK's documentation gives.
        var (workSize, integerWorkSize) = (1 + 6 * n + 2 * n * n, 3 + 5 * n)
        var work = [Float](repeating: 0, count: Int(workSize))
        var integerWork = [blasint](repeating: 0, count: Int(integerWorkSize))
        unsafe ssyevd_(
            "V", "U", &n, a.pointer, &n, &values, &work, &workSize, &integerWork, &integerWorkSize, &info)
        return info == 0 ? values : nil
    }

    private static func product(
        _ a: MatrixView, _ aLayout: CBLAS_TRANSPOSE, _ b: MatrixView, _ bLayout: CBLAS_TRANSPOSE, inner: Int,
        into c: MatrixView, adding beta: Float
    ) {
        _ = isPrepared
        unsafe cblas_sgemm(
            CblasRowMajor, aLayout, bLayout, blasint(c.rows), blasint(c.columns), blasint(inner), 1,
            a.pointer, blasint(a.stride), b.pointer, blasint(b.stride), beta, c.pointer, blasint(c.stride))
    }
}
