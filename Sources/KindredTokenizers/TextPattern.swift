import Foundation

/// What a step of a tokenizer looks for in a text.
struct TextPattern: Sendable {
    private enum Kind: Sendable {
        case string([UInt8])
        case regex(NSRegularExpression)
    }

    private let kind: Kind

    /// A string as it stands, which is not empty.
    init(string: String) { kind = .string(Array(string.utf8)) }

    /// A regular expression in the syntax of Oniguruma, which `tokenizers` uses; ICU's differs in what `\s` is, and in
    /// `\h`, which is refused.
    /// - Returns: nil for what is no expression, or means something else here.
    init?(regex: String) {
        guard !regex.contains("\\h"), !regex.contains("\\H") else { return nil }
        let own = regex.replacing("\\s", with: "\\p{White_Space}").replacing("\\S", with: "\\P{White_Space}")
        guard let expression = try? NSRegularExpression(pattern: own) else { return nil }
        kind = .regex(expression)
    }

    /// The ranges of `text` that match, from front to back; none is empty.
    func matches(in text: ArraySlice<UInt8>) -> [Range<Int>] {
        switch kind {
        case .string(let pattern):
            var ranges: [Range<Int>] = []
            var next = text.startIndex
            while next + pattern.count <= text.endIndex {
                if text[next] == pattern[0], text[next..<next + pattern.count].elementsEqual(pattern) {
                    ranges.append(next..<next + pattern.count)
                    next += pattern.count
                } else {
                    next += 1
                }
            }
            return ranges
        case .regex(let expression):
            let string = String(decoding: text, as: UTF8.self)
            let found = expression.matches(
                in: string, range: NSRange(location: 0, length: string.utf16.count))
            guard !found.isEmpty else { return [] }
            // Where each UTF-16 unit lies in UTF-8.
            var places: [Int] = []
            places.reserveCapacity(string.utf16.count + 1)
            var place = text.startIndex
            for scalar in string.unicodeScalars {
                places.append(place)
                if scalar.value > 0xFFFF { places.append(place) }
                place += UTF8.width(scalar)
            }
            places.append(place)
            return found.compactMap { match in
                let range = match.range
                return range.length > 0 ? places[range.location]..<places[range.location + range.length] : nil
            }
        }
    }

    /// The text with each match replaced.
    func replacing(in text: String, with replacement: String) -> String {
        let bytes = Array(text.utf8)
        let ranges = matches(in: bytes[...])
        guard !ranges.isEmpty else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var next = 0
        for range in ranges {
            result += bytes[next..<range.lowerBound]
            result += replacement.utf8
            next = range.upperBound
        }
        result += bytes[next...]
        return String(decoding: result, as: UTF8.self)
    }
}

/// What becomes of the matches at which a text is cut (tokenizers, tokenizer/normalizer.rs, `SplitDelimiterBehavior`).
enum SplitBehavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"

    /// The pieces of `text`.
    ///
    /// - Parameters:
    ///   - matches: from front to back.
    ///   - inverted: whether what stands between the matches is what is cut at.
    func pieces(of text: ArraySlice<UInt8>, matches: [Range<Int>], inverted: Bool = false) -> [Range<Int>] {
        var parts: [(range: Range<Int>, isMatch: Bool)] = []
        var next = text.startIndex
        for match in matches {
            if next < match.lowerBound { parts.append((next..<match.lowerBound, inverted)) }
            parts.append((match, !inverted))
            next = match.upperBound
        }
        if next < text.endIndex { parts.append((next..<text.endIndex, inverted)) }
        switch self {
        case .removed: return parts.filter { !$0.isMatch }.map(\.range)
        case .isolated: return parts.map(\.range)
        case .contiguous:
            return merged(parts) { last, part in last.isMatch == part.isMatch }
        case .mergedWithPrevious:
            return merged(parts) { last, part in part.isMatch && !last.isMatch }
        case .mergedWithNext:
            let reversed = merged(parts.reversed()) { last, part in part.isMatch && !last.isMatch }
            return reversed.reversed()
        }
    }

    private typealias Part = (range: Range<Int>, isMatch: Bool)

    /// Parts joined with the one before where `joins` says so, which sees what the one before was by itself.
    private func merged(_ parts: [Part], joins: (Part, Part) -> Bool) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var last: Part?
        for part in parts {
            if let before = last, let range = result.last, joins(before, part) {
                result[result.count - 1] =
                    min(
                        range.lowerBound, part.range.lowerBound)..<max(
                        range.upperBound, part.range.upperBound)
            } else {
                result.append(part.range)
            }
            last = part
        }
        return result
    }
}
