import KindredSystem

/// Weight and colour on a terminal that has them; the plain text elsewhere.
struct Style {
    private let isOn: Bool

    init(for stream: Terminal.Stream) { isOn = Terminal.usesColor(stream) }

    private func wrap(_ text: String, _ code: String) -> String {
        isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }

    func bold(_ text: String) -> String { wrap(text, "1") }
    func dim(_ text: String) -> String { wrap(text, "2") }
    func red(_ text: String) -> String { wrap(text, "1;31") }
    /// A word of the query in a snippet.
    func highlighted(_ text: String) -> String { wrap(text, "1;33") }
}

/// Numbers for people, the same in every locale.
enum Format {
    /// 1234567 → "1,234,567"
    static func count(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return (value < 0 ? "-" : "") + result
    }

    /// 12345678 → "12.3 MB"
    static func bytes(_ value: Int) -> String {
        let units = ["B", "KB", "MB", "GB", "TB"]
        var amount = Double(value)
        var unit = 0
        while amount >= 1000, unit < units.count - 1 {
            amount /= 1000
            unit += 1
        }
        return unit == 0 ? "\(value) B" : "\(decimals(amount, 1)) \(units[unit])"
    }

    /// 185 → "3 min 05 s"
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "?" }
        if seconds < 10 { return "\(decimals(seconds, 1)) s" }
        let whole = Int(min(seconds.rounded(), 1e9))
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(padded(whole % 60)) s" }
        return "\(whole / 3600) h \(padded(whole % 3600 / 60)) min"
    }

    /// "83.2 passages/s"
    static func rate(_ perSecond: Double, unit: String) -> String {
        perSecond < 100
            ? "\(decimals(perSecond, 1)) \(unit)/s" : "\(count(Int(perSecond.rounded()))) \(unit)/s"
    }

    static func milliseconds(_ value: Double) -> String {
        value < 10 ? "\(decimals(value, 1)) ms" : "\(Int(value.rounded())) ms"
    }

    /// A score with four digits that mean something.
    static func score(_ value: Double) -> String { decimals(value, value.magnitude < 1 ? 4 : 2) }

    /// `value` with so many decimals, rounded.
    static func decimals(_ value: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int((value.magnitude * scale).rounded())
        let unit = Int(scale)
        let fraction = String(scaled % unit)
        let zeros = String(repeating: "0", count: places - fraction.count)
        return (value < 0 && scaled > 0 ? "-" : "") + "\(scaled / unit)"
            + (places > 0 ? "." + zeros + fraction : "")
    }

    private static func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
