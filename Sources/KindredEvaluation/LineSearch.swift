/// The search for a step that lowers a function enough and flattens it enough along a line (Moré and Thuente 1994;
/// MINPACK-2's `dcsrch` and `dcstep`, with the constants of L-BFGS-B).
struct LineSearch {
    /// What is lost and gained: value(step) ≤ value(0) + 1e-3 · step · slope(0).
    private static let sufficientDecrease = 1e-3
    /// |slope(step)| ≤ 0.9 · |slope(0)|.
    private static let curvature = 0.9
    /// The width of the bracket, relative to its end, below which it is narrowed no more.
    private static let relativeWidth = 0.1
    private static let longest = 1e10

    /// A step with value and slope there.
    private struct Sample {
        var step: Double
        var value: Double
        var slope: Double
    }

    /// Where to look next.
    private(set) var step: Double

    private let initial: Sample
    private let wantedSlope: Double
    /// The best step so far, and the other end of the bracket.
    private var best: Sample
    private var other: Sample
    private var isBracketed = false
    private var isFirstStage = true
    private var width = LineSearch.longest
    private var previousWidth = 2 * LineSearch.longest
    private var smallest = 0.0
    private var largest: Double

    /// - Parameters:
    ///   - slope: along the line at its start; negative.
    ///   - step: the first to be tried.
    init(value: Double, slope: Double, step: Double) {
        initial = Sample(step: 0, value: value, slope: slope)
        wantedSlope = Self.sufficientDecrease * slope
        best = initial
        other = initial
        self.step = step
        largest = 5 * step
    }

    /// Takes value and slope at `step`. Where that is not good enough, `step` is the next to be tried.
    mutating func isDone(value: Double, slope: Double) -> Bool {
        let bound = initial.value + step * wantedSlope
        if isFirstStage, value <= bound, slope >= 0 { isFirstStage = false }
        let isCramped =
            isBracketed
            && (step <= smallest || step >= largest || largest - smallest <= Self.relativeWidth * largest)
        let isAtEnd =
            (step == Self.longest && value <= bound && slope <= wantedSlope)
            || (step == 0 && (value > bound || slope >= wantedSlope))
        let isGood = value <= bound && abs(slope) <= Self.curvature * -initial.slope
        if isCramped || isAtEnd || isGood { return true }

        let trial = Sample(step: step, value: value, slope: slope)
        if isFirstStage, value <= best.value, value > bound {
            // With the slope that is wanted taken off, so that the search does not stop short.
            best = lowered(best, by: wantedSlope)
            other = lowered(other, by: wantedSlope)
            advance(lowered(trial, by: wantedSlope))
            best = lowered(best, by: -wantedSlope)
            other = lowered(other, by: -wantedSlope)
        } else {
            advance(trial)
        }
        if isBracketed {
            if abs(other.step - best.step) >= 0.66 * previousWidth {
                step = best.step + (other.step - best.step) / 2
            }
            previousWidth = width
            width = abs(other.step - best.step)
            smallest = min(best.step, other.step)
            largest = max(best.step, other.step)
        } else {
            smallest = step + 1.1 * (step - best.step)
            largest = step + 4 * (step - best.step)
        }
        step = min(max(step, 0), Self.longest)
        if isBracketed,
            step <= smallest || step >= largest || largest - smallest <= Self.relativeWidth * largest
        {
            step = best.step
        }
        return false
    }

    private func lowered(_ sample: Sample, by slope: Double) -> Sample {
        Sample(
            step: sample.step, value: sample.value - sample.step * slope, slope: sample.slope - slope)
    }

    /// Chooses the next step from cubics and quadratics through the samples, and updates the bracket.
    private mutating func advance(_ trial: Sample) {
        let changesSign = trial.slope * (best.slope / abs(best.slope)) < 0
        let next: Double
        if trial.value > best.value {
            // A higher value: the minimum is between.
            let cubic = cubicMinimum(from: best, to: trial)
            let rise = (best.value - trial.value) / (trial.step - best.step)
            let quadratic =
                best.step + best.slope / (rise + best.slope) / 2 * (trial.step - best.step)
            next =
                abs(cubic - best.step) < abs(quadratic - best.step)
                ? cubic : cubic + (quadratic - cubic) / 2
            isBracketed = true
        } else if changesSign {
            // A lower value past the minimum.
            let cubic = cubicMinimum(from: trial, to: best)
            let secant = secantStep(trial)
            next = abs(cubic - trial.step) > abs(secant - trial.step) ? cubic : secant
            isBracketed = true
        } else if abs(trial.slope) < abs(best.slope) {
            next = flatterStep(trial)
        } else if isBracketed {
            next = cubicMinimum(from: trial, to: other)
        } else {
            next = trial.step > best.step ? largest : smallest
        }
        if trial.value > best.value {
            other = trial
        } else {
            if changesSign { other = best }
            best = trial
        }
        step = next
    }

    /// A lower value, the slope of the same sign but flatter: the cubic may have no minimum, or one on the wrong side.
    private func flatterStep(_ trial: Sample) -> Double {
        let theta =
            3 * (best.value - trial.value) / (trial.step - best.step) + best.slope + trial.slope
        let size = max(abs(theta), abs(best.slope), abs(trial.slope))
        let root = max(0, square(theta / size) - best.slope / size * (trial.slope / size))
        var gamma = size * root.squareRoot()
        if trial.step > best.step { gamma = -gamma }
        let ratio = (gamma - trial.slope + theta) / (gamma + (best.slope - trial.slope) + gamma)
        let cubic =
            ratio < 0 && gamma != 0
            ? trial.step + ratio * (best.step - trial.step)
            : trial.step > best.step ? largest : smallest
        let secant = secantStep(trial)
        if isBracketed {
            let closer = abs(cubic - trial.step) < abs(secant - trial.step) ? cubic : secant
            let limit = trial.step + 0.66 * (other.step - trial.step)
            return trial.step > best.step ? min(limit, closer) : max(limit, closer)
        }
        let farther = abs(cubic - trial.step) > abs(secant - trial.step) ? cubic : secant
        return max(smallest, min(largest, farther))
    }

    private func secantStep(_ trial: Sample) -> Double {
        trial.step + trial.slope / (trial.slope - best.slope) * (best.step - trial.step)
    }

    /// The minimum of the cubic through values and slopes of two samples, reckoned from the first.
    private func cubicMinimum(from one: Sample, to two: Sample) -> Double {
        let theta = 3 * (one.value - two.value) / (two.step - one.step) + one.slope + two.slope
        let size = max(abs(theta), abs(one.slope), abs(two.slope))
        var gamma =
            size * (square(theta / size) - one.slope / size * (two.slope / size)).squareRoot()
        if two.step < one.step { gamma = -gamma }
        let ratio = (gamma - one.slope + theta) / (gamma - one.slope + gamma + two.slope)
        return one.step + ratio * (two.step - one.step)
    }

    private func square(_ x: Double) -> Double { x * x }
}
