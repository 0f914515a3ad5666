/// Limited-memory BFGS without bounds (Liu and Nocedal 1989), step for step as L-BFGS-B 3.0 takes it (Zhu, Byrd, Lu and
/// Nocedal 1997; scipy, `scipy/optimize/_lbfgsb_py.py`), so that a run that is cut off after some iterations stands where
/// scipy's stands.
struct LBFGS {
    /// Pairs of steps and changes of the gradient that are kept.
    private static let memory = 10
    private static let machineEpsilon = Double.ulpOfOne

    /// Iterations, at most.
    var iterations = 100
    /// Stop where no part of the gradient is larger.
    var gradientTolerance = 1e-4
    /// Stop where an iteration gains less than this share of the value.
    var valueTolerance = 64 * Double.ulpOfOne
    /// Evaluations of one line search, at most.
    var searchSteps = 50

    struct Result {
        let point: [Double]
        let value: Double
        let iterations: Int
        /// Whether one of the tolerances was reached.
        let isConverged: Bool
    }

    /// - Parameter objective: gives value and gradient at a point.
    func minimize(
        from start: [Double], _ objective: ([Double]) throws -> (value: Double, gradient: [Double])
    ) rethrows -> Result {
        var point = start
        var (value, gradient) = try objective(point)
        var steps: [(change: [Double], gradientChange: [Double], product: Double)] = []
        var scale = 1.0
        var iteration = 0
        if largest(gradient) <= gradientTolerance {
            return Result(point: point, value: value, iterations: 0, isConverged: true)
        }
        while true {
            let direction = direction(gradient, steps, scale)
            let slope = dot(direction, gradient)
            var found: (step: Double, point: [Double], value: Double, gradient: [Double])?
            if slope < 0 {
                let first = iteration == 0 ? min(1 / dot(direction, direction).squareRoot(), 1e10) : 1
                var search = LineSearch(value: value, slope: slope, step: first)
                for _ in 0..<searchSteps {
                    let candidate = zip(point, direction).map { $0 + search.step * $1 }
                    let (newValue, newGradient) = try objective(candidate)
                    let step = search.step
                    if search.isDone(value: newValue, slope: dot(newGradient, direction)) {
                        found = (step, candidate, newValue, newGradient)
                        break
                    }
                }
            }
            guard let found else {
                // Without a step along the gradient itself there is none; else the memory has misled.
                guard !steps.isEmpty else {
                    return Result(point: point, value: value, iterations: iteration, isConverged: false)
                }
                steps.removeAll()
                scale = 1
                continue
            }
            iteration += 1
            let gain = value - found.value
            let size = max(abs(value), abs(found.value), 1)
            let change = direction.map { found.step * $0 }
            let gradientChange = zip(found.gradient, gradient).map { $0 - $1 }
            (point, value, gradient) = (found.point, found.value, found.gradient)
            let isConverged = largest(gradient) <= gradientTolerance || gain <= valueTolerance * size
            if isConverged || iteration >= iterations {
                return Result(point: point, value: value, iterations: iteration, isConverged: isConverged)
            }
            let curvature = dot(change, gradientChange)
            guard curvature > Self.machineEpsilon * -slope * found.step else { continue }
            if steps.count == Self.memory { steps.removeFirst() }
            steps.append((change, gradientChange, curvature))
            scale = curvature / dot(gradientChange, gradientChange)
        }
    }

    /// Minus the inverse Hessian's estimate times the gradient: the two loops of Nocedal 1980.
    private func direction(
        _ gradient: [Double], _ steps: [(change: [Double], gradientChange: [Double], product: Double)],
        _ scale: Double
    ) -> [Double] {
        var direction = gradient
        var factors: [Double] = []
        for step in steps.reversed() {
            let factor = dot(step.change, direction) / step.product
            factors.append(factor)
            add(-factor, step.gradientChange, to: &direction)
        }
        for index in direction.indices { direction[index] *= scale }
        for (step, factor) in zip(steps, factors.reversed()) {
            add(factor - dot(step.gradientChange, direction) / step.product, step.change, to: &direction)
        }
        return direction.map { -$0 }
    }

    private func dot(_ x: [Double], _ y: [Double]) -> Double {
        var sum = 0.0
        for index in x.indices { sum += x[index] * y[index] }
        return sum
    }

    private func add(_ factor: Double, _ x: [Double], to y: inout [Double]) {
        for index in x.indices { y[index] += factor * x[index] }
    }

    private func largest(_ x: [Double]) -> Double { x.reduce(0) { max($0, abs($1)) } }
}
