import KindredSystem

/// The weights of a linear layer, output × input, made ready for products with many inputs.
package final class PreparedMatrix: @unchecked Sendable {
    /// output × input
    package let values: MatrixView
    fileprivate let forward: BrainFloat.Packed?
    fileprivate let backward: BrainFloat.Packed?

    /// - Parameter values: shared, not copied: `update` is to be called when they change.
    package init(_ values: MatrixView, precision: Precision) {
        precondition(precision.hasGradients)
        self.values = values
        forward = precision == .bfloat16 ? BrainFloat.Packed() : nil
        backward = precision == .bfloat16 ? BrainFloat.Packed() : nil
        update()
    }

    /// Takes the values as they are now. Not while another thread multiplies.
    package func update() {
        forward?.take(values, transposed: true)
        backward?.take(values, transposed: false)
    }
}

/// Matrix products in one precision that there are gradients in, with the memory that they need; owned by one thread.
package final class Products {
    package let precision: Precision
    private let left = BrainFloat.Rows()
    private let right = BrainFloat.Packed()
    private var scratch = AlignedBuffer<Float>(repeating: 0, count: 0)

    package init(_ precision: Precision) {
        precondition(precision.hasGradients)
        self.precision = precision
    }

    /// y = x · wᵀ, or y += x · wᵀ: a linear layer.
    package func multiply(_ x: MatrixView, _ w: PreparedMatrix, into y: MatrixView, adding: Bool = false) {
        if let packed = w.forward {
            left.take(x)
            BrainFloat.multiply(left, packed, into: y, adding: adding)
        } else {
            BLAS.multiply(x, w.values, transposed: true, into: y, adding: adding ? 1 : 0)
        }
    }

    /// dx = dy · w, or dx += dy · w: the gradient of a linear layer's input.
    package func multiplyGradient(
        _ dy: MatrixView, _ w: PreparedMatrix, into dx: MatrixView, adding: Bool = false
    ) {
        if let packed = w.backward {
            left.take(dy)
            BrainFloat.multiply(left, packed, into: dx, adding: adding)
        } else {
            BLAS.multiply(dy, w.values, into: dx, adding: adding ? 1 : 0)
        }
    }

    /// c = a · b, or a · bᵀ with `transposed`, or c += that.
    package func multiply(
        _ a: MatrixView, _ b: MatrixView, transposed: Bool = false, into c: MatrixView,
        adding: Bool = false
    ) {
        guard precision == .bfloat16 else {
            return BLAS.multiply(a, b, transposed: transposed, into: c, adding: adding ? 1 : 0)
        }
        left.take(a)
        right.take(b, transposed: transposed)
        BrainFloat.multiply(left, right, into: c, adding: adding)
    }

    /// c = aᵀ · b, or c += that.
    package func multiply(
        transposed a: MatrixView, _ b: MatrixView, into c: MatrixView, adding: Bool
    ) {
        guard precision == .bfloat16 else {
            return BLAS.multiply(transposed: a, b, into: c, adding: adding ? 1 : 0)
        }
        left.take(transposed: a)
        right.take(b, transposed: false)
        BrainFloat.multiply(left, right, into: c, adding: adding)
    }

    /// c += aᵀ · b where b has few columns: computed as (bᵀ · a)ᵀ, because the product's left factor is the one whose
    /// transposition costs.
    package func accumulateThin(transposed a: MatrixView, _ b: MatrixView, into c: MatrixView) {
        guard precision == .bfloat16 else {
            return BLAS.multiply(transposed: a, b, into: c, adding: 1)
        }
        let count = b.columns * a.columns
        if scratch.count < count { scratch = AlignedBuffer(repeating: 0, count: count) }
        let product = MatrixView(scratch, rows: b.columns, columns: a.columns)
        multiply(transposed: b, a, into: product, adding: false)
        c.addTransposed(product)
    }

    /// A right factor for several products.
    package final class Factor {
        fileprivate var values: MatrixView?
        fileprivate var transposed = false
        fileprivate let packed = BrainFloat.Packed()

        package init() {}
    }

    /// Makes b, or bᵀ with `transposed`, ready as a right factor; valid until b changes.
    package func prepare(_ b: MatrixView, transposed: Bool = false, in factor: Factor) {
        factor.values = b
        factor.transposed = transposed
        if precision == .bfloat16 { factor.packed.take(b, transposed: transposed) }
    }

    /// c = a · factor, or c += that.
    package func multiply(_ a: MatrixView, _ factor: Factor, into c: MatrixView, adding: Bool = false) {
        guard let values = factor.values else { preconditionFailure("the factor is not prepared") }
        if precision == .bfloat16 {
            left.take(a)
            BrainFloat.multiply(left, factor.packed, into: c, adding: adding)
        } else {
            BLAS.multiply(a, values, transposed: factor.transposed, into: c, adding: adding ? 1 : 0)
        }
    }
}
