import Foundation

/// Drawings of a report, as SVG.
enum Chart {
    /// Room for a legend of three in a row.
    private static let narrowest = 560.0

    static let colours = [
        "#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#9d755d", "#eeca3b", "#ff9da6",
        "#79706e",
    ]

    /// Numbers as drawings have them: two digits after the point.
    static func short(_ value: Double) -> String { String(format: "%.2f", value) }

    static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
    }

    static func text(_ content: String, x: Double, y: Double, anchor: String = "start", size: Int = 12)
        -> String
    {
        "<text x=\"\(short(x))\" y=\"\(short(y))\" text-anchor=\"\(anchor)\" font-size=\"\(size)\">\(escaped(content))</text>"
    }

    static func drawing(width: Double, height: Double, title: String, _ parts: [String]) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(width)) \(Int(height))" font-family="sans-serif" role="img">
        <title>\(escaped(title))</title>
        <rect width="100%" height="100%" fill="white"/>
        \(text(title, x: width / 2, y: 20, anchor: "middle", size: 14))
        \(parts.joined(separator: "\n"))
        </svg>

        """
    }

    /// Groups of bars, one colour for each series; a value that is missing has no bar.
    static func bars(
        title: String, groups: [String], series: [String], values: [[Double?]]
    ) -> String {
        let (left, top, height) = (50.0, 36.0, 240.0)
        let group = max(90, 24.0 * Double(series.count) + 24)
        let width = max(narrowest, left + group * Double(groups.count) + 20)
        let highest = max(values.joined().compactMap { $0 }.max() ?? 1, 0.01)
        let lowest = min(values.joined().compactMap { $0 }.min() ?? 0, 0)
        func y(_ value: Double) -> Double { top + height * (highest - value) / (highest - lowest) }
        var parts = axis(left: left, right: width - 20, y: y, lowest: lowest, highest: highest)
        for (index, name) in groups.enumerated() {
            let start = left + group * Double(index) + 12
            let bar = (group - 24) / Double(max(1, series.count))
            for (number, value) in values[index].enumerated() {
                guard let value else { continue }
                let x = start + bar * Double(number)
                let (from, to) = (min(y(value), y(0)), max(y(value), y(0)))
                parts.append(
                    "<rect x=\"\(short(x))\" y=\"\(short(from))\" width=\"\(short(bar - 3))\" "
                        + "height=\"\(short(to - from))\" fill=\"\(colours[number % colours.count])\"/>")
                parts.append(text(label(value), x: x + bar / 2 - 1.5, y: from - 3, anchor: "middle", size: 9))
            }
            parts.append(
                text(name, x: start + (group - 24) / 2, y: top + height + 18, anchor: "middle", size: 11))
        }
        let end = top + height + 36
        parts += legend(series, x: left, y: end)
        return drawing(
            width: width, height: end + 18 * Double((series.count + 2) / 3) + 8, title: title, parts)
    }

    /// Lines over whole numbers.
    static func lines(
        title: String, x label: String, series: [(name: String, points: [(Double, Double)])]
    ) -> String {
        let (left, top, width, height) = (50.0, 36.0, 560.0, 240.0)
        let all = series.flatMap(\.points)
        let (low, high) = (all.map(\.1).min() ?? 0, all.map(\.1).max() ?? 1)
        let last = all.map(\.0).max() ?? 1
        let span = max(high - low, 1e-6)
        func x(_ value: Double) -> Double { left + value / max(last, 1e-9) * (width - left - 30) }
        func y(_ value: Double) -> Double { top + height * (high - value) / span }
        var parts = axis(left: left, right: width - 20, y: y, lowest: low, highest: high)
        for (number, line) in series.enumerated() {
            let colour = colours[number % colours.count]
            let points = line.points.map { "\(short(x($0.0))),\(short(y($0.1)))" }.joined(separator: " ")
            parts.append(
                "<polyline points=\"\(points)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>")
            for point in line.points {
                parts.append(
                    "<circle cx=\"\(short(x(point.0)))\" cy=\"\(short(y(point.1)))\" r=\"3\" fill=\"\(colour)\"/>"
                )
            }
        }
        for place in Set(all.map(\.0)).sorted() {
            parts.append(
                text(String(Int(place)), x: x(place), y: top + height + 16, anchor: "middle", size: 10))
        }
        parts.append(text(label, x: width / 2, y: top + height + 32, anchor: "middle", size: 11))
        parts += legend(series.map(\.name), x: left, y: top + height + 50)
        return drawing(
            width: width, height: top + height + 58 + 18 * Double((series.count + 2) / 3), title: title, parts
        )
    }

    /// Boxes from the lower to the upper quartile with the median, and whiskers to the last values within 1.5 times their
    /// distance.
    static func boxes(title: String, groups: [String], series: [String], values: [[[Double]]]) -> String {
        let (left, top, height) = (50.0, 36.0, 260.0)
        let group = max(100, 40.0 * Double(series.count) + 24)
        let width = max(narrowest, left + group * Double(groups.count) + 20)
        let all = values.joined().joined()
        let (low, high) = (all.min() ?? 0, all.max() ?? 1)
        let span = max(high - low, 1e-6)
        func y(_ value: Double) -> Double { top + height * (high - value) / span }
        var parts = axis(left: left, right: width - 20, y: y, lowest: low, highest: high)
        for (index, name) in groups.enumerated() {
            let start = left + group * Double(index) + 12
            let step = (group - 24) / Double(max(1, series.count))
            for (number, sample) in values[index].enumerated() where !sample.isEmpty {
                let sorted = sample.sorted()
                let (lower, median, upper) = (
                    quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)
                )
                let reach = 1.5 * (upper - lower)
                let bottom = sorted.first { $0 >= lower - reach } ?? lower
                let ceiling = sorted.last { $0 <= upper + reach } ?? upper
                let (x, wide) = (start + step * Double(number) + 4, step - 8)
                let colour = colours[number % colours.count]
                func line(_ from: (Double, Double), _ to: (Double, Double), _ stroke: String, _ width: Double)
                    -> String
                {
                    "<line x1=\"\(short(from.0))\" y1=\"\(short(from.1))\" x2=\"\(short(to.0))\" y2=\"\(short(to.1))\" "
                        + "stroke=\"\(stroke)\" stroke-width=\"\(width)\"/>"
                }
                let middle = x + wide / 2
                parts.append(line((middle, y(bottom)), (middle, y(ceiling)), colour, 1))
                parts.append(
                    "<rect x=\"\(short(x))\" y=\"\(short(y(upper)))\" width=\"\(short(wide))\" "
                        + "height=\"\(short(max(1, y(lower) - y(upper))))\" fill=\"\(colour)\"/>")
                parts.append(line((x, y(median)), (x + wide, y(median)), "white", 2))
                for value in sorted where value < bottom || value > ceiling {
                    parts.append(
                        "<circle cx=\"\(short(middle))\" cy=\"\(short(y(value)))\" r=\"1.5\" fill=\"\(colour)\"/>"
                    )
                }
            }
            parts.append(
                text(name, x: start + (group - 24) / 2, y: top + height + 18, anchor: "middle", size: 11))
        }
        let end = top + height + 36
        return drawing(width: width, height: end + 22, title: title, parts + legend(series, x: left, y: end))
    }

    /// A square of colour for each row and column, from `low` (dark) to 1 (light).
    static func heatMap(title: String, rows: String, columns: String, values: [[Double]]) -> String {
        let (left, top) = (50.0, 36.0)
        let count = values.map(\.count).max() ?? 0
        let (wide, tall) = (
            max(6, min(16, 640 / Double(max(1, count)))), max(6, min(16, 320 / Double(max(1, values.count))))
        )
        let low = min(values.joined().min() ?? 0, 0.99)
        func colour(_ value: Double) -> String {
            let share = max(0, min(1, (value - low) / (1 - low)))
            func mix(_ dark: Double, _ light: Double) -> Int {
                Int((dark + share * (light - dark)).rounded())
            }
            return "rgb(\(mix(68, 253)),\(mix(1, 231)),\(mix(84, 37)))"
        }
        var parts: [String] = []
        // The first layer is below, as in the paper.
        for (row, cells) in values.enumerated() {
            let y = top + tall * Double(values.count - 1 - row)
            for (column, value) in cells.enumerated() {
                parts.append(
                    "<rect x=\"\(short(left + wide * Double(column)))\" y=\"\(short(y))\" width=\"\(short(wide))\" "
                        + "height=\"\(short(tall))\" fill=\"\(colour(value))\"/>")
            }
            if row % max(1, values.count / 8) == 0 {
                parts.append(text(String(row), x: left - 6, y: y + tall - 1, anchor: "end", size: 10))
            }
        }
        let bottom = top + tall * Double(values.count)
        for column in stride(from: 0, to: count, by: 8) {
            parts.append(
                text(
                    String(column), x: left + wide * (Double(column) + 0.5), y: bottom + 14, anchor: "middle",
                    size: 10))
        }
        let width = left + wide * Double(count) + 90
        parts.append(text("\(rows) (upwards), \(columns) (to the right)", x: left, y: bottom + 32, size: 11))
        for step in 0...10 {
            let value = low + (1 - low) * Double(step) / 10
            let y = bottom - (bottom - top) * Double(step + 1) / 11
            parts.append(
                "<rect x=\"\(short(width - 70))\" y=\"\(short(y))\" width=\"14\" height=\"\(short((bottom - top) / 11))\" "
                    + "fill=\"\(colour(value))\"/>")
            if step % 5 == 0 { parts.append(text(label(value), x: width - 50, y: y + 10, size: 10)) }
        }
        return drawing(width: width, height: bottom + 44, title: title, parts)
    }

    /// The value below which a share of sorted values lies, between neighbours by their distance.
    static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        let place = share * Double(sorted.count - 1)
        let lower = Int(place.rounded(.down))
        let upper = min(lower + 1, sorted.count - 1)
        return sorted[lower] + (place - Double(lower)) * (sorted[upper] - sorted[lower])
    }

    /// ".512"
    static func label(_ value: Double) -> String {
        let text = String(format: "%.3f", value)
        return text.hasPrefix("0.")
            ? String(text.dropFirst()) : text.hasPrefix("-0.") ? "-" + text.dropFirst(2) : text
    }

    private static func axis(
        left: Double, right: Double, y: (Double) -> Double, lowest: Double, highest: Double
    ) -> [String] {
        ticks(from: lowest, to: highest).flatMap { value -> [String] in
            [
                "<line x1=\"\(short(left))\" x2=\"\(short(right))\" y1=\"\(short(y(value)))\" y2=\"\(short(y(value)))\" "
                    + "stroke=\"#ddd\"/>",
                text(label(value), x: left - 6, y: y(value) + 4, anchor: "end", size: 10),
            ]
        }
    }

    /// Multiples of 1, 2 or 5 times a power of ten, three to seven of them.
    static func ticks(from lowest: Double, to highest: Double) -> [Double] {
        let rough = max(highest - lowest, 1e-6) / 4
        let power = pow(10, log10(rough).rounded(.down))
        let step = power * ([1, 2, 5, 10].first { $0 * power >= 0.8 * rough } ?? 10)
        let first = (lowest / step).rounded(.up)
        let last = (highest / step + 1e-9).rounded(.down)
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }

    private static func legend(_ series: [String], x: Double, y: Double) -> [String] {
        series.enumerated().flatMap { number, name -> [String] in
            let (column, row) = (Double(number % 3) * 180, Double(number / 3) * 18)
            return [
                "<rect x=\"\(short(x + column))\" y=\"\(short(y + row))\" width=\"10\" height=\"10\" "
                    + "fill=\"\(colours[number % colours.count])\"/>",
                text(name, x: x + column + 14, y: y + row + 10, size: 11),
            ]
        }
    }
}
