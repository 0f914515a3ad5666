import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors

/// The linear map after pooling, y = f(W · x + b), with its gradients.
struct TrainableDense {
    let shape: Dense.Shape
    /// outputs × inputs
    private let weight: MatrixView
    private let bias: MatrixView?
    /// Where the gradients go; nil for a frozen map.
    private let trained: ParameterLayout?

    /// - Parameters:
    ///   - values: the parameters, laid out by `layout`.
    ///   - isTrained: whether gradients of `layout` have the map's too.
    init(_ shape: Dense.Shape, in values: AlignedBuffer<Float>, _ layout: ParameterLayout, isTrained: Bool) {
        self.shape = shape
        weight = layout.operand(ParameterLayout.denseWeight, in: values)
        bias = shape.hasBias ? layout.operand(ParameterLayout.denseBias, in: values) : nil
        trained = isTrained ? layout : nil
    }

    /// rows × inputs → rows × outputs
    func forward(_ pooled: Matrix) -> Matrix {
        let result = Matrix(rows: pooled.rows, columns: shape.outputs)
        let y = Self.operand(result)
        BLAS.multiply(Self.operand(pooled), weight, transposed: true, into: y)
        if let bias { y.addToRows(bias) }
        if shape.activation == .tanh {
            for index in 0..<result.elements.count {
                result.elements[index] = tanhf(result.elements[index])
            }
        }
        return result
    }

    /// The gradient of the pooled vectors, given that of the outputs, which becomes that of W · x + b.
    func inputGradient(_ gradient: Matrix, outputs: Matrix) -> Matrix {
        if shape.activation == .tanh {
            for index in 0..<gradient.elements.count {
                gradient.elements[index] *= 1 - outputs.elements[index] * outputs.elements[index]
            }
        }
        let result = Matrix(rows: gradient.rows, columns: shape.inputs)
        BLAS.multiply(Self.operand(gradient), weight, into: Self.operand(result))
        return result
    }

    /// Adds the gradients of a trained map's parameters. After `inputGradient` of the same gradient.
    func addWeightGradient(_ gradient: Matrix, pooled: Matrix, to sum: AlignedBuffer<Float>) {
        guard let trained else { return }
        let dy = Self.operand(gradient)
        BLAS.multiply(
            transposed: dy, Self.operand(pooled),
            into: trained.operand(ParameterLayout.denseWeight, in: sum), adding: 1)
        if bias != nil { trained.operand(ParameterLayout.denseBias, in: sum).addRows(of: dy) }
    }

    private static func operand(_ matrix: Matrix) -> MatrixView {
        MatrixView(matrix.elements, rows: matrix.rows, columns: matrix.columns)
    }
}
