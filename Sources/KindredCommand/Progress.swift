import Foundation
import KindredSystem

/// How far a long command is, on standard error: one live line on a terminal, a line every ten seconds elsewhere.
final class Progress {
    private let label: String
    private let unit: String
    private let quiet: Bool
    private let isLive: Bool
    private let started = ContinuousClock.now
    private var lastShown: ContinuousClock.Instant?
    private var isShowing = false

    /// - Parameter unit: what is counted, in the plural.
    init(label: String, unit: String, quiet: Bool) {
        self.label = label
        self.unit = unit
        self.quiet = quiet
        isLive = Terminal.isTerminal(.standardError)
    }

    /// - Parameters:
    ///   - done: units so far.
    ///   - fraction: of the whole, 0 to 1; nil where the end is not known.
    ///   - toCome: units still to come, estimated; nil where nothing tells.
    func update(done: Double, fraction: Double?, detail: String?, toCome: Int? = nil) {
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        update(
            Self.line(
                unit: unit, done: done, fraction: fraction, detail: detail, seconds: seconds, toCome: toCome))
    }

    /// - Parameter text: how far the command is, in its own words.
    func update(_ text: @autoclosure () -> String) {
        guard !quiet else { return }
        let now = ContinuousClock.now
        let interval: Duration = isLive ? .milliseconds(100) : .seconds(10)
        guard now - (lastShown ?? (isLive ? started - interval : started)) >= interval else { return }
        lastShown = now
        let text = "\(label): \(text())"
        if isLive {
            // Cut to the width, so that the line never wraps and can be drawn over.
            CommandOutput.error("\r\u{1B}[2K\(text.prefix(max(20, Terminal.columns - 1)))")
            isShowing = true
        } else {
            CommandOutput.errorLine(text)
        }
    }

    /// Takes the live line away.
    func finish() {
        if isShowing { CommandOutput.error("\r\u{1B}[2K") }
        isShowing = false
    }

    /// "41 %, 206 pages, 3,120 passages, ~4,500 to come, 81.2 passages/s, 1 min 02 s left"
    static func line(
        unit: String, done: Double, fraction: Double?, detail: String?, seconds: Double, toCome: Int? = nil
    ) -> String {
        var parts: [String] = []
        if let fraction { parts.append("\(Int(min(max(fraction, 0), 1) * 100)) %") }
        if let detail { parts.append(detail) }
        parts.append("\(Format.count(Int(done))) \(unit)")
        if let toCome { parts.append("~\(Format.count(toCome)) to come") }
        if seconds > 0 { parts.append(Format.rate(done / seconds, unit: unit)) }
        if let fraction, fraction > 0.01, fraction < 1 {
            parts.append("\(Format.duration(seconds / fraction * (1 - fraction))) left")
        }
        return parts.joined(separator: ", ")
    }
}
