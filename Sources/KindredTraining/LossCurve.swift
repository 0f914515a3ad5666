/// The losses of a run as a drawing: every step, a running mean, and the validation loss.
struct LossCurve {
    private let entries: [TrainingRun.Entry]
    private static let (width, height, margin) = (800.0, 400.0, 48.0)

    init(_ entries: [TrainingRun.Entry]) { self.entries = entries.filter { $0.loss.isFinite } }

    var svg: String {
        let (width, height, margin) = (Self.width, Self.height, Self.margin)
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(width)) \(Int(height))\" "
                + "font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
        ]
        let losses = entries.map(\.loss) + entries.compactMap(\.validationLoss)
        guard let last = entries.last?.step, let low = losses.min(), let high = losses.max() else {
            return (lines + ["<text x=\"20\" y=\"30\">no steps</text>", "</svg>", ""]).joined(separator: "\n")
        }
        let span = max(high - low, 1e-9)
        func x(_ step: Int) -> Double { margin + Double(step) / Double(max(1, last)) * (width - 2 * margin) }
        func y(_ loss: Double) -> Double { height - margin - (loss - low) / span * (height - 2 * margin) }
        func path(_ points: [(Int, Double)], _ style: String) -> String {
            let places = points.map { "\(Self.short(x($0)))\u{2C}\(Self.short(y($1)))" }.joined(
                separator: " ")
            return "<polyline points=\"\(places)\" fill=\"none\" \(style)/>"
        }
        for tick in 0...4 {
            let loss = low + span * Double(tick) / 4
            lines.append(
                "<line x1=\"\(margin)\" x2=\"\(width - margin)\" y1=\"\(Self.short(y(loss)))\" "
                    + "y2=\"\(Self.short(y(loss)))\" stroke=\"#ddd\"/>")
            lines.append(
                "<text x=\"4\" y=\"\(Self.short(y(loss) + 4))\">\(Self.short(loss, places: 3))</text>")
        }
        var mean = entries[0].loss
        let smooth = entries.map { entry -> (Int, Double) in
            mean += 0.1 * (entry.loss - mean)
            return (entry.step, mean)
        }
        lines.append(path(entries.map { ($0.step, $0.loss) }, "stroke=\"#9ecae1\""))
        lines.append(path(smooth, "stroke=\"#08519c\" stroke-width=\"2\""))
        let validation = entries.compactMap { entry in entry.validationLoss.map { (entry.step, $0) } }
        if !validation.isEmpty { lines.append(path(validation, "stroke=\"#d95f0e\" stroke-width=\"2\"")) }
        lines.append(
            "<text x=\"\(margin)\" y=\"\(height - 14)\">loss by step, to \(last); dark: running mean; orange: "
                + "validation</text>")
        return (lines + ["</svg>", ""]).joined(separator: "\n")
    }

    private static func short(_ value: Double, places: Int = 1) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        return "\((value * scale).rounded() / scale)"
    }
}
