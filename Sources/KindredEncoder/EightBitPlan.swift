import KindredSystem
import SystemPackage

/// Which parts of a decoder 8 bits would harm, so that they keep floats: 8-bit vectors then stay close to those of fp32.
package struct EightBitPlan: Sendable, Hashable {
    /// Layers whose weights keep their floats.
    package var exactLayers: Set<Int> = []
    /// Whether the token embedding keeps its floats.
    package var hasExactEmbedding = false
    /// Activations with an element larger than this many times their root mean square are quantized twice
    /// (`Int8Products.Rows`); nil: none are.
    package var outlierRatio: Float?

    package init() {}

    /// "int8", and what has more than 8 bits: "int8, layers 0–8 and the embedding in floats".
    package var label: String {
        let layers = exactLayers.sorted()
        var parts: [String] = []
        if let first = layers.first, let last = layers.last {
            let isRun = layers.count > 2 && last - first == layers.count - 1
            let numbers = isRun ? "\(first)–\(last)" : layers.map(String.init).joined(separator: ", ")
            parts.append((layers.count == 1 ? "layer " : "layers ") + numbers)
        }
        if hasExactEmbedding { parts.append("the embedding") }
        return "int8" + (parts.isEmpty ? "" : ", " + parts.joined(separator: " and ") + " in floats")
    }

    /// Of `config.json` beside weights of 8 bits, Kindred's own.
    package static let outlierRatioField = "int8_outlier_ratio"
    /// In the order in which they are tried: the larger costs less.
    private static let outlierRatios: [Float] = [20, 12]

    /// What `config.json` says of activations with outliers; nil: nothing.
    /// - Throws: `invalidData`.
    static func storedOutlierRatio(_ configuration: [String: Any], path: FilePath) throws -> Float? {
        guard let found = configuration[outlierRatioField] else { return nil }
        guard let ratio = (found as? Double).map(Float.init), ratio >= 1, ratio.isFinite else {
            throw KindredError(
                .invalidData, "\"\(outlierRatioField)\" must be a number of 1 or more",
                at: .init(path: path.string))
        }
        return ratio
    }

    /// What decides vectors beside stored tensors, for the fingerprint; empty where nothing does.
    ///
    /// - Parameter stored: whether the weights are stored in 8 bits; their tensors then tell which are not.
    func fingerprint(stored: Bool) -> String {
        let outliers = outlierRatio.map { "outliers \($0)\n" } ?? ""
        if stored { return outliers }
        return outliers + "exact \(exactLayers.sorted())\(hasExactEmbedding ? " and embedding" : "")\n"
    }

    /// One part of a decoder: nil is the embedding, a number a layer.
    typealias Part = Int?

    func isExact(_ part: Part) -> Bool { part.map(exactLayers.contains) ?? hasExactEmbedding }

    mutating func keep(_ part: Part) {
        if let part { exactLayers.insert(part) } else { hasExactEmbedding = true }
    }

    /// How far vectors lie from those of fp32: 1 − cosine.
    struct Error {
        var mean: Double
        var worst: Double

        /// Half of what 8-bit vectors may differ by: cosine .999 on average and .995 at worst. The other half is for texts
        /// that the calibration does not have.
        static let limit = Error(mean: 0.0005, worst: 0.0025)

        /// The larger part of the limit that is used up; 1 at the limit.
        var use: Double { max(mean / Self.limit.mean, worst / Self.limit.worst) }
    }

    /// The smallest plan whose measured error is within the limit: plain 8 bits if they are, then with outliers quantized
    /// twice, then with the parts that do most harm by themselves kept in floats, as few as suffice.
    ///
    /// - Parameters:
    ///   - layers: of the decoder.
    ///   - error: measures a plan.
    ///   - roughError: the same on a part of the texts, to compare parts of the decoder by.
    static func search(
        layers: Int, error: (EightBitPlan) throws -> Error, roughError: (EightBitPlan) throws -> Error
    ) rethrows -> EightBitPlan {
        var plan = EightBitPlan()
        if try error(plan).use <= 1 { return plan }
        for ratio in outlierRatios {
            plan.outlierRatio = ratio
            if try error(plan).use <= 1 { return plan }
        }
        let parts = [nil] + (0..<layers).map(Optional.some)
        let harms = try parts.map { part in
            var others = plan
            for other in parts where other != part { others.keep(other) }
            return try roughError(others).use
        }
        let order = parts.indices.sorted { harms[$0] > harms[$1] }.map { parts[$0] }
        func keeping(_ count: Int) -> EightBitPlan {
            var kept = plan
            for part in order.prefix(count) { kept.keep(part) }
            return kept
        }
        // With every part in floats there is no error.
        var (tooFew, enough) = (0, order.count)
        while enough - tooFew > 1 {
            let middle = (tooFew + enough) / 2
            if try error(keeping(middle)).use <= 1 { enough = middle } else { tooFew = middle }
        }
        return keeping(enough)
    }
}
