/// The language of a text that does not say it, from its script and, for Latin letters, its function words.
///
/// The guess depends on the text alone. It is English unless function words that only another language has are a twentieth
/// of the words, and more than twice as many as those that only English has.
enum LanguageGuess {
    /// Bytes of a text that are looked at.
    static let length = 4096

    static func language(of text: String) -> KeywordLanguage {
        // ASCII letters are counted as they pass; others are looked at closely.
        var latin = 0
        var letters: [KeywordLanguage.Script: Int] = [:]
        var marked: [String: Int] = [:]
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x41...0x5A, 0x61...0x7A: latin += 1
            case 0..<0xAA: break
            default:
                guard let script = KeywordLanguage.Script(scalar) else { continue }
                letters[script, default: 0] += 1
                guard script != .latin else { continue }
                for (code, own) in letter where own.contains(scalar) { marked[code, default: 0] += 1 }
            }
        }
        latin += letters.removeValue(forKey: .latin) ?? 0
        // Languages that share a script are told by letters that the script's default language does not have.
        let others = letters.values.max() ?? 0
        guard others <= latin else {
            let best = marked.filter { $0.value * 100 >= others }.max {
                ($0.value, $1.key) < ($1.value, $0.key)
            }
            return best.map { KeywordLanguage($0.key) } ?? .standard
        }
        return latin == 0 ? .standard : byFunctionWords(text)
    }

    private static func byFunctionWords(_ text: String) -> KeywordLanguage {
        let words = text.lowercased().unicodeScalars.split { !KeywordText.isWord($0) }.map { String($0) }
        // How many words a language has and English has not, and how many both have.
        var own: [String: Int] = [:]
        var shared: [String: Int] = [:]
        var english = 0
        for word in words {
            let codes = codes[word] ?? []
            let isEnglish = codes.contains("en")
            if isEnglish { english += 1 }
            for code in codes {
                if isEnglish { shared[code, default: 0] += 1 } else { own[code, default: 0] += 1 }
            }
        }
        guard let best = own.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }),
            best.value >= 2, best.value * 20 >= words.count,
            best.value > 2 * (english - shared[best.key, default: 0])
        else { return .standard }
        return KeywordLanguage(best.key)
    }

    private static let letter: [String: Set<Unicode.Scalar>] = [
        "uk": ["і", "ї", "є", "ґ", "ў", "ѓ", "ќ", "ѕ", "қ", "ұ", "ң", "ө", "ү", "ә"],
        "sr": ["ј", "љ", "њ", "ћ", "ђ", "џ"],
        "fa": ["پ", "چ", "ژ", "گ", "ک", "ی", "ٹ", "ڈ", "ہ", "ے"],
    ]

    /// The languages that a word is a function word of.
    private static let codes: [String: [String]] = {
        var codes: [String: [String]] = [:]
        for (code, words) in functionWords {
            for word in words.split(separator: " ") { codes[String(word), default: []].append(code) }
        }
        return codes
    }()

    private static let functionWords = [
        "en": "the of and to in is was for that with by on as are from at it which this be an or not a",
        "ca": "el la els les de del dels i és en amb per que una un al als no va ser més són com aquest",
        "cs": "je se na že v z s do si jako pro byl které který jsou nebo byla také až od",
        "da": "og i at det er en af til på som med for ikke den der var et fra har blev de efter også sig",
        "de":
            "der die das und ist in den von zu mit sich des auf für im dem nicht ein eine als auch es an war wurde",
        "es": "el la los las de del y en que es un una por con para se su al lo como más fue no entre son",
        "eu": "eta da ez bat zen du ere izan dira dute zuen den egin baina hau izeneko",
        "fi": "ja on ei se että oli hän joka myös mutta kuin ovat tai sekä sen jotka kun mukaan",
        "fr":
            "le la les de des du et en est un une que qui dans par pour au aux sur il elle ne pas ce sont avec",
        "ga": "an na agus is ar i a go le do bhí tá sé ag mar de faoi ó chuig",
        "hu": "a az és hogy nem is egy volt meg de ez csak vagy mint azt kell lett már után",
        "id": "yang dan di dari ini untuk dengan pada adalah tidak dalam oleh ke itu sebagai atau juga",
        "it":
            "il la le gli di del della dei e è in che un una per con non si da al nel sono come lo più alla",
        "lt": "ir yra buvo kad su iš į ne tai kaip bet apie ar jis per nuo iki arba",
        "nl":
            "de het een van en in is dat op te zijn met voor niet aan er die door ook als bij werd naar uit",
        "no": "og i å det er en av til på som med for ikke den var et fra har ble de etter også seg",
        "pl": "i w na z się jest do nie to że o jak po od za przez oraz są był dla jego który",
        "pt": "o a os as de do da dos das e em no na que é um uma por com para se não ao mais como foi pelo",
        "ro": "și în de la pe cu din care este un o nu se al ale mai pentru fost sunt ca după",
        "sv": "och i att det är en av till på som med för inte den var ett från har de efter också sig om",
        "tr": "ve bir bu da de için ile olan olarak çok ne daha gibi sonra kadar en ise her",
        "vi": "và của là có trong được cho một các không với người này đã những",
    ]
}
