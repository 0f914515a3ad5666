import Foundation
import Synchronization

/// Templates that show a date which their parameters give in numbers: `{{birth date and age|1950|5|3}}`,
/// `{{Дата|3|5|1950}}`, `{{生年月日|1950|5|3}}`. The date is written as the wiki's language writes dates; an age, which
/// depends on the day of reading, is not shown.
enum DateTemplate {
    /// - Returns: nil where the template is none of a date, or its parameters are no numbers.
    static func text(_ call: TemplateCall, in parser: WikitextParser) -> String? {
        guard call.traits.contains(.date) else { return nil }
        var strings = call.positional.prefix(6).map { parser.string($0) }
        // "{{date|29 9 2019}}": one parameter with all three.
        if strings.count == 1 { strings = strings[0].split { " -/.".contains($0) }.map(String.init) }
        let numbers = strings.prefix(3).map { Int($0) }
        guard let first = numbers.first ?? nil, numbers.count > 1 || first > 31 else { return nil }
        guard let date = date(numbers) else { return nil }
        let isDayFirst =
            call.value("df").map { ["y", "yes"].contains(parser.string($0).lowercased()) } ?? false
        return written(date, language: parser.site.language ?? "en", isDayFirst: isDayFirst)
    }

    /// Whether a template's name says that it shows a date.
    static func isDate(_ name: String) -> Bool {
        whole.contains(name) || words.contains { begins($0, in: name) }
    }

    /// Whether a word of the name begins so: "start date" and "birthdate", but not "update".
    private static func begins(_ word: String, in name: String) -> Bool {
        guard let found = name.range(of: word) else { return false }
        guard found.lowerBound > name.startIndex else { return true }
        let before = name[name.index(before: found.lowerBound)]
        return !before.isLetter || !before.isCased
    }

    private struct Day {
        let year: Int
        var month: Int?
        var day: Int?
    }

    private static func date(_ numbers: [Int?]) -> Day? {
        let isYearFirst = (numbers[0] ?? 0) > 31
        let isYearLast = numbers.count == 3 && (numbers[2] ?? 0) > 31
        guard isYearFirst || isYearLast, let year = isYearFirst ? numbers[0] : numbers[2],
            (32...2200).contains(year)
        else { return nil }
        guard numbers.count > 1, let month = numbers[1] else { return isYearFirst ? Day(year: year) : nil }
        let day = numbers.count > 2 ? (isYearFirst ? numbers[2] : numbers[0]) : nil
        guard (1...12).contains(month) else { return nil }
        guard let day else { return Day(year: year, month: month) }
        return (1...31).contains(day) ? Day(year: year, month: month, day: day) : nil
    }

    private static func written(_ date: Day, language: String, isDayFirst: Bool) -> String? {
        guard let month = date.month else { return String(date.year) }
        let style = DateStyle.of(isDayFirst && language == "en" ? "en-GB" : language)
        return style.written(year: date.year, month: month, day: date.day)
    }

    private static let whole: Set<String> = ["dts", "dtsh", "bda", "dda", "dob", "née le", "mort le"]

    /// What names of templates of dates have in them.
    private static let words = [
        "date", "birthdate", "deathdate", "datum", "fecha", "nacimiento", "fallecimiento", "nascimento",
        "morte", "falecimento",
        "naissance", "décès",
        "дата", "рожд", "народж", "смерт", "data urodzenia", "narození", "úmrtí", "doğum", "ölüm", "生年月日",
        "没年月日",
        "死亡年月日", "出生日期", "逝世日期", "日期", "생년월일", "تاريخ", "تاریخ", "תאריך", "ngày", "वर्ष", "জন্ম", "วันเกิด",
    ]
}

/// How a language writes dates.
private struct DateStyle: Sendable {
    private let months: [String]
    private let standaloneMonths: [String]
    /// Patterns of Unicode (UTS #35) of a day and of a month.
    private let dayPattern: String
    private let monthPattern: String

    /// A formatter of Foundation takes a tenth of a millisecond to make; there are few languages.
    private static let known = Mutex<[String: DateStyle]>([:])

    /// The style of a wiki's language. A code that is no language's gives English.
    static func of(_ language: String) -> DateStyle {
        known.withLock { known in
            if let style = known[language] { return style }
            let style = DateStyle(language)
            if known.count < 1_000 { known[language] = style }
            return style
        }
    }

    private init(_ language: String) {
        let locale = Locale(identifier: language + "@calendar=gregorian")
        let formatter = DateFormatter()
        formatter.locale = locale
        months = formatter.monthSymbols
        standaloneMonths = formatter.standaloneMonthSymbols
        func pattern(_ template: String) -> String? {
            DateFormatter.dateFormat(fromTemplate: template, options: 0, locale: locale)
        }
        dayPattern = pattern("dMMMMy") ?? "MMMM d, y"
        monthPattern = pattern("MMMMy") ?? "MMMM y"
    }

    /// - Parameters:
    ///   - month: from 1.
    ///   - day: nil for a month.
    func written(year: Int, month: Int, day: Int?) -> String {
        var result = ""
        var rest = (day == nil ? monthPattern : dayPattern)[...]
        var isQuoted = false
        while let first = rest.first {
            let run = rest.prefix { $0 == first }
            if first == "'" {
                rest.removeFirst()
                isQuoted.toggle()
                continue
            }
            rest.removeFirst(run.count)
            switch first {
            case "d" where !isQuoted: result += day.map(String.init) ?? ""
            case "y" where !isQuoted: result += String(year)
            case "M" where !isQuoted: result += run.count > 2 ? name(month, months) : String(month)
            case "L" where !isQuoted: result += run.count > 2 ? name(month, standaloneMonths) : String(month)
            default: result += first.isWhitespace ? " " : String(run)
            }
        }
        return result
    }

    private func name(_ month: Int, _ names: [String]) -> String {
        names.indices.contains(month - 1) ? names[month - 1] : String(month)
    }
}
