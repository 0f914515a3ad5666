import Foundation

/// How rotary frequencies are changed for long contexts (transformers, modeling_rope_utils.py).
package enum RotaryScaling: Sendable, Hashable {
    case none
    /// All frequencies divided by a factor.
    case linear(factor: Double)
    /// Llama 3.1 (`_compute_llama3_parameters`).
    case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalContext: Double)
    /// Peng et al. 2023, "YaRN" (`_compute_yarn_parameters`). `low` and `high` are the pairs between which frequencies go
    /// over from their own to divided ones; cosines and sines are multiplied by `magnitude`.
    case yarn(factor: Double, low: Double, high: Double, magnitude: Double)
    /// A divisor for each pair (Phi-3's "longrope", for texts that fit the original context); cosines and sines are
    /// multiplied by `magnitude`.
    case divided(by: [Double], magnitude: Double)

    /// - Parameters:
    ///   - rope: the object "rope_scaling" or "rope_parameters".
    ///   - dimensions: elements of a head that are rotated.
    ///   - base: θ.
    ///   - context: "max_position_embeddings".
    /// - Throws: `invalidData` for a kind that is not supported, or without its numbers.
    init(
        _ rope: [String: Any], dimensions: Int, base: Double, context: Int, fields: ConfigurationFields
    ) throws {
        let kind = rope["rope_type"] as? String ?? rope["type"] as? String ?? "default"
        func number(_ key: String, default value: Double? = nil, atLeast least: Double = 0) throws -> Double {
            guard let found = ConfigurationFields.double(rope[key]) ?? value, found.isFinite, found >= least
            else {
                throw fields.invalid(
                    "the rotary scaling \"\(kind.prefix(40))\" needs \"\(key)\", a number of \(least) or more"
                )
            }
            return found
        }
        func original() throws -> Double {
            try number(
                "original_max_position_embeddings",
                default: ConfigurationFields.double(fields.json["original_max_position_embeddings"])
                    ?? Double(context),
                atLeast: 1)
        }
        switch kind {
        case "default": self = .none
        // Changes nothing for texts that fit the context, and longer ones are cut.
        case "dynamic": self = .none
        case "linear": self = .linear(factor: try number("factor", default: 1, atLeast: 1))
        case "llama3":
            let (low, high) = (try number("low_freq_factor"), try number("high_freq_factor"))
            guard low > 0, high > low else {
                throw fields.invalid(
                    "the rotary scaling's \"high_freq_factor\" must be above its \"low_freq_factor\"")
            }
            self = .llama3(
                factor: try number("factor", atLeast: 1), lowFrequency: low, highFrequency: high,
                originalContext: try number("original_max_position_embeddings", atLeast: 1))
        case "yarn":
            let (factor, original) = (try number("factor", atLeast: 1), try original())
            func pair(_ rotations: Double) -> Double {
                Double(dimensions) * log(original / (rotations * 2 * Double.pi)) / (2 * log(base))
            }
            var (low, high) = (
                pair(try number("beta_fast", default: 32)), pair(try number("beta_slow", default: 1))
            )
            if rope["truncate"] as? Bool != false { (low, high) = (low.rounded(.down), high.rounded(.up)) }
            (low, high) = (max(low, 0), min(high, Double(dimensions - 1)))
            if low == high { high += 0.001 }
            func magnitude(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }
            var own = magnitude(1)
            if let scale = ConfigurationFields.double(rope["mscale"]),
                let all = ConfigurationFields.double(rope["mscale_all_dim"]), scale != 0,
                all != 0
            {
                own = magnitude(scale) / magnitude(all)
            }
            self = .yarn(
                factor: factor, low: low, high: high, magnitude: try number("attention_factor", default: own))
        case "longrope", "su":
            let original = try original()
            let factor = ConfigurationFields.double(rope["factor"]) ?? Double(context) / original
            guard let divisors = rope["short_factor"] as? [Double], divisors.count == dimensions / 2,
                divisors.allSatisfy({ $0.isFinite && $0 > 0 })
            else {
                throw fields.invalid(
                    "the rotary scaling \"\(kind)\" needs \"short_factor\", \(dimensions / 2) numbers above 0"
                )
            }
            let own = factor <= 1 ? 1 : (1 + log(factor) / log(original)).squareRoot()
            self = .divided(by: divisors, magnitude: try number("attention_factor", default: own))
        default:
            throw fields.invalid(
                "the rotary scaling \"\(kind.prefix(40))\" is not supported; Kindred has default, dynamic, linear, llama3, "
                    + "longrope and yarn")
        }
    }

    /// Angle per position of each pair.
    ///
    /// - Parameter dimensions: elements of a head that are rotated.
    func frequencies(base: Double, dimensions: Int) -> [Double] {
        (0..<dimensions / 2).map { pair in
            let frequency = pow(base, -2 * Double(pair) / Double(dimensions))
            switch self {
            case .none: return frequency
            case .linear(let factor): return frequency / factor
            case .llama3(let factor, let low, let high, let original):
                let wavelength = 2 * Double.pi / frequency
                if wavelength > original / low { return frequency / factor }
                if wavelength < original / high { return frequency }
                let smooth = (original / wavelength - low) / (high - low)
                return (1 - smooth) * frequency / factor + smooth * frequency
            case .yarn(let factor, let low, let high, _):
                let divided = min(max((Double(pair) - low) / (high - low), 0), 1)
                return frequency / factor * divided + frequency * (1 - divided)
            case .divided(let divisors, _): return frequency / divisors[pair]
            }
        }
    }

    /// What cosines and sines are multiplied by.
    var magnitude: Double {
        switch self {
        case .none, .linear, .llama3: 1
        case .yarn(_, _, _, let magnitude), .divided(_, let magnitude): magnitude
        }
    }
}
