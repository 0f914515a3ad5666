/// How the full-text index stems the words of a document: by the language of its site, or by one that is guessed from
/// its text.
///
/// A word is stemmed by its script: the language's own stemmer serves the scripts that it is written in, and words of
/// other scripts get their script's default (English, Russian, Greek, Arabic, Armenian, Hindi, Tamil). So languages that
/// have no rule of their own are one language here, `standard`: English, Russian, Chinese and many others.
package struct KeywordLanguage: Hashable, Sendable {
    /// A script that a stemmer exists for.
    enum Script: Hashable { case latin, cyrillic, greek, arabic, hebrew, armenian, devanagari, tamil }

    /// An ISO 639 code for a language with rules of its own; the table below has them.
    package let code: String

    /// Every script's default.
    package static let standard = KeywordLanguage(known: "en")
    /// Written in Latin letters, and without a stemmer: Polish, Vietnamese and many others.
    private static let unstemmed = KeywordLanguage(known: "und")

    private init(known code: String) { self.code = code }

    /// - Parameter code: as a site gives it: "de", "pt-BR", "zh-Hans".
    package init(_ code: String) {
        let primary = String(code.lowercased().prefix { $0 != "-" && $0 != "_" })
        if Self.standardCodes.contains(primary) {
            self = .standard
        } else if let other = Self.aliases[primary] {
            self.init(known: other)
        } else {
            self = Self.own[primary] == nil ? Self.unstemmed : KeywordLanguage(known: primary)
        }
    }

    /// - Parameters:
    ///   - site: the code of the document's site; empty where it has none.
    ///   - text: the document's, from which the language is guessed then.
    package init(site: String, text: @autoclosure () -> [UInt8]) {
        if site.isEmpty {
            let text = text()
            // A character that is cut at the end is replaced by one that is no letter.
            self = LanguageGuess.language(
                of: String(decoding: text.prefix(LanguageGuess.length), as: UTF8.self))
        } else {
            self.init(site)
        }
    }

    /// The stemmer for words of a script; nil where they stay as they are.
    func algorithm(for script: Script) -> String? {
        if let rule = Self.own[code], rule.scripts.contains(script) { return rule.algorithm }
        return switch script {
        case .latin: "english"
        case .cyrillic: "russian"
        case .greek: "greek"
        case .arabic: "arabic"
        case .armenian: "armenian"
        case .devanagari: "hindi"
        case .tamil: "tamil"
        case .hebrew: nil
        }
    }

    /// Whether I is the capital of ı and İ that of i.
    var hasDotlessI: Bool { code == "tr" || code == "az" }

    /// Languages whose rule is not the script's default.
    private static let own: [String: (algorithm: String?, scripts: Set<Script>)] = [
        "ca": ("catalan", [.latin]), "da": ("danish", [.latin]), "de": ("german", [.latin]),
        "es": ("spanish", [.latin]), "eu": ("basque", [.latin]), "fi": ("finnish", [.latin]),
        "fr": ("french", [.latin]), "ga": ("irish", [.latin]), "hu": ("hungarian", [.latin]),
        "id": ("indonesian", [.latin]), "it": ("italian", [.latin]), "lt": ("lithuanian", [.latin]),
        "nl": ("dutch", [.latin]), "no": ("norwegian", [.latin]), "pt": ("portuguese", [.latin]),
        "ro": ("romanian", [.latin]), "sv": ("swedish", [.latin]), "tr": ("turkish", [.latin]),
        "sr": ("serbian", [.latin, .cyrillic]), "ne": ("nepali", [.devanagari]),
        "yi": ("yiddish", [.hebrew]),
        "az": (nil, [.latin, .cyrillic]), "uk": (nil, [.cyrillic]), "fa": (nil, [.arabic]),
        "mr": (nil, [.devanagari]), "und": (nil, [.latin]),
    ]

    /// Languages that are stemmed as others are.
    private static let aliases: [String: String] = [
        "nb": "no", "nn": "no", "be": "uk", "bg": "uk", "mk": "uk", "kk": "uk", "ky": "uk", "mn": "uk",
        "tg": "uk", "tt": "uk", "ba": "uk", "cv": "uk", "rue": "uk", "ur": "fa", "ps": "fa", "ckb": "fa",
        "ug": "fa", "sd": "fa", "pnb": "fa", "azb": "fa", "mzn": "fa", "sa": "mr", "mai": "mr", "bh": "mr",
        "new": "mr", "gom": "mr",
    ]

    /// Languages of every script's default, and those of scripts without a stemmer, in which a Latin word is often
    /// English.
    private static let standardCodes: Set<String> = [
        "en", "simple", "sco", "ru", "el", "ar", "arz", "hy", "hi", "ta", "he", "zh", "yue", "wuu", "ja",
        "ko", "th", "lo", "km", "my", "ka", "am", "ti", "bn", "as", "pa", "gu", "or", "te", "kn", "ml", "si",
        "bo", "dv",
    ]
}

extension KeywordLanguage.Script {
    /// The script of a letter.
    init?(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x41...0x5A, 0x61...0x7A, 0xC0...0x24F, 0x1E00...0x1EFF: self = .latin
        case 0x400...0x52F: self = .cyrillic
        case 0x370...0x3FF, 0x1F00...0x1FFF: self = .greek
        case 0x620...0x6FF: self = .arabic
        case 0x5D0...0x5F4: self = .hebrew
        case 0x531...0x587: self = .armenian
        case 0x900...0x97F: self = .devanagari
        case 0xB80...0xBFF: self = .tamil
        default: return nil
        }
    }
}
