import Foundation
import GRDB
import KindredSystem
import KindredTestSupport
import Synchronization
import SystemPackage
import Testing

@testable import KindredStore

@Suite struct KeywordSearchTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A catalogue of one passage for each text, its number from 1.
    private func catalog(_ texts: [String], language: String = "en") throws -> Catalog {
        let catalog = try Catalog(path: directory.path.appending("catalog.sqlite"), access: .create)
        try add(texts, language: language, from: 1, to: catalog)
        return catalog
    }

    private func add(_ texts: [String], language: String, from first: Int64, to catalog: Catalog) throws {
        try catalog.commit(
            site: DocumentCollection(name: "Test", identity: "test\(language)", base: "", language: language),
            articles: texts.enumerated().map { index, text in
                let id = first + Int64(index)
                return NewArticle(
                    sourceID: id, title: "", url: "", revision: nil, digest: [], text: Array(text.utf8),
                    passages: [NewPassage(id: id, sectionPath: [], range: 0..<text.utf8.count)])
            }, segment: nil)
    }

    private func found(_ query: String, _ catalog: Catalog) throws -> Set<Int64> {
        Set(try catalog.keywordSearch(query, limit: 100).map(\.id))
    }

    // MARK: Phrases and exclusions

    @Test func `a phrase's words stand side by side, in order and in any inflection`() throws {
        let catalog = try catalog([
            "The stone bridge is old", "Old stone and a bridge", "A bridge of stone", "Two stone bridges",
        ])
        #expect(try found("\"stone bridge\"", catalog) == [1, 4])
        #expect(try found("\"Stone  Bridge!\" old", catalog) == [1, 4])
        #expect(try found("\"bridge of\" \"of stone\"", catalog) == [3])
        #expect(try found("\"stone bridge\" -old", catalog) == [4])
        #expect(try found("\"glass bridge\"", catalog).isEmpty)
    }

    @Test func `an excluded word or phrase keeps passages out`() throws {
        let catalog = try catalog([
            "Rust is a game about survival", "Rust forms on iron", "Rust, a well-known problem of iron",
            "A video games shop",
        ])
        #expect(try found("rust -game", catalog) == [2, 3])
        #expect(try found("rust -games -iron", catalog).isEmpty)
        #expect(try found("rust -well-known", catalog) == [1, 2])
        #expect(try found("rust -\"on iron\"", catalog) == [1, 3])
        #expect(try found("rust -nowhere", catalog) == [1, 2, 3])
        #expect(try catalog.passages(matching: KeywordQuery("rust")) == nil)
        #expect(try catalog.passages(matching: KeywordQuery("x -rust")) == IDSet([4]))
    }

    @Test func `phrases are found in scripts without spaces`() throws {
        let catalog = try catalog(["東京湾は本州にある。GPSが普及した", "京東の湾", "서울에는 한강이 흐른다"])
        #expect(try found("「東京湾」", catalog) == [1])
        #expect(try found("\"京湾は\"", catalog) == [1])
        #expect(try found("\"GPSが普及\"", catalog) == [1])
        #expect(try found("\"湾\"", catalog) == [1, 2])
        #expect(try found("\"한강\"", catalog) == [3])
        #expect(try found("湾 -東京", catalog) == [2])
    }

    @Test(arguments: [
        "NEAR(a b)", "a AND b OR NOT c", "*", "^a", "title:x", "a\0b", "\"a\0b\" c", "{title body}: x",
        "a + b", "- x",
        "\"*\" x", "x -\"a* OR b\"", "((((", "x -a\" OR \"b", "🙂", "\u{301}", "x -y:z", "x\" *",
    ])
    func `nothing in a query is FTS5's syntax`(query: String) throws {
        let catalog = try catalog(["a b c x", "near and or not title body"])
        _ = try catalog.keywordSearch(query, limit: 10)
    }

    @Test func `a query of ten thousand characters is answered`() throws {
        let catalog = try catalog(["The river"])
        for query in [
            String(repeating: "river \u{301}AND(", count: 800), String(repeating: "x", count: 10_000),
            (0..<1400).map { "wordle\($0 % 26)" }.joined(separator: " "),
            String(repeating: "'", count: 10_000), String(repeating: "湖", count: 10_000),
            (0..<1600).map { _ in "bcdfgh" }.joined(separator: "z "),
        ] { _ = try catalog.keywordSearch(query, limit: 10) }
    }

    // MARK: Corrections

    private func answer(_ query: String, _ catalog: Catalog) throws -> KeywordAnswer {
        try catalog.keywordSearch(KeywordQuery(query), limit: 10)
    }

    @Test(arguments: [
        ("lighthoues", "lighthouse"), ("Lghthouse", "lighthouse"), ("lighthousse", "lighthouse"),
        ("lightheuse", "lighthouse"), ("mountian", "mountain"), ("runing", "running"),
    ])
    func `a word that the index does not have is corrected by one edit`(word: String, correction: String)
        throws
    {
        let catalog = try catalog([
            "The lighthouse on the mountain", "A lighthouse at sea", "Water is running down",
        ])
        let answer = try answer(word, catalog)
        #expect(answer.corrections == [KeywordCorrection(word: word, correction: correction)])
        #expect(!answer.passages.isEmpty)
    }

    @Test func `of several words at one edit the most frequent is taken`() throws {
        let catalog = try catalog(["A light house", "The night was long", "At night", "By night", "A light"])
        #expect(try answer("xight", catalog).corrections.map(\.correction) == ["night"])
    }

    @Test func `what the index has, short words, numbers and quoted words are not corrected`() throws {
        let catalog = try catalog(["The lighthouse", "Hose and house, 12345", "horses"])
        for query in ["house hose", "horse", "hoze", "\"lighthoues\"", "12346", "lighthoues1", "zzzzzzzz"] {
            #expect(try answer(query, catalog).corrections.isEmpty, "\(query)")
        }
    }

    @Test func `words of other scripts are corrected too, and a catalogue that is only read`() throws {
        do { _ = try catalog(["Старый маяк освещает гавань", "Ο φάρος της θάλασσας"]) }
        let path = directory.path.appending("catalog.sqlite")
        try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path.string)
        let catalog = try Catalog(path: path, access: .read)
        #expect(try answer("гвань", catalog).corrections.map(\.correction) == ["гавань"])
        #expect(try answer("θαλασα", catalog).passages.map(\.id) == [2])
    }

    // MARK: Languages

    @Test(
        arguments: [
            ("de", "Die alten Brücken und Häuser", ["Brücke", "haus", "HÄUSER", "hausern"]),
            ("fr", "Les chevaux et les années", ["cheval", "année", "annees"]),
            ("es", "Las canciones de la ciudad", ["canción", "cancion", "ciudades"]),
            ("it", "Le montagne sono alte", ["montagna", "montagne"]),
            ("pt-BR", "As cidades e os rios", ["cidade", "CIDADES"]),
            ("nl", "De huizen en de boten", ["boot", "huizen"]),
            ("sv", "Husen och båtarna", ["båt", "batar", "hus"]),
            ("nb", "Båtene på fjordene", ["båt", "fjord", "fjorden"]),
            ("fi", "Talossa on ikkunoita", ["talo", "ikkuna"]),
            ("ru", "Мосты через реки", ["мост", "река"]),
            ("hu", "A házakban", ["ház", "házak"]),
            ("tr", "Evlerde ve kitaplar", ["ev", "kitap"]),
            ("sr", "Мостови и реке", ["мостови", "mostovi", "reke"]),
            ("el", "Οι θάλασσες", ["θάλασσα", "ΘΑΛΑΣΣΑ"]),
            ("simple", "The rivers were flowing", ["river", "flows"]),
            ("pl", "Stare mosty Łodzi", ["mosty", "lodzi", "ŁODZI"]),
        ] as [(String, String, [String])])
    func `words are found in the forms of their language`(
        language: String, text: String, words: [String]
    ) throws {
        let catalog = try catalog([text, "zzz"], language: language)
        for word in words {
            #expect(try found(word, catalog) == [1], "\(word)")
        }
        #expect(try catalog.problems().isEmpty)
    }

    @Test(
        arguments: [
            (
                "tr", "DIŞ KAPI ve ışık",
                ["dış", "diş", "kapı", "IŞIK", "isik", "isiklar", "ışıklar", "ISIKLAR"]
            ),
            ("tr", "İstanbul'da Iğdır", ["istanbul", "İSTANBUL", "ığdır", "IĞDIR", "igdir"]),
            ("ru", "Зелёная ёлка за́мок", ["зеленая", "ЕЛКА", "ёлки", "замок"]),
            (
                "uk", "П'ять п’ятниць і обʼєкт Ґанок",
                ["п'ять", "п’ять", "пʼять", "пять", "об'єкт", "обєкт", "ганок"]
            ),
            ("vi", "Thủ đô Hà Nội và Đà Nẵng", ["ha noi", "Hà Nội", "da nang", "thu do"]),
            (
                "ar", "زرنا المدرسة والكتاب الدم في البيت",
                ["مدرسة", "المدرسه", "مَدْرَسَة", "كتاب", "الكتاب", "دم", "الدم", "بيت"]
            ),
            ("he", "שָׁלוֹם לצה\"ל ולבית־ספר", ["שלום", "לצהל", "לצה״ל", "ספר"]),
            (
                "en", "O'Brien drank l’eau and don't",
                ["O’Brien", "obrien", "Brien", "l'eau", "eau", "leau", "dont"]
            ),
            ("en", "The world's fair of Hawai‘i", ["worlds", "world", "world’s fair", "Hawaii", "Hawaiʻi"]),
            ("en", "OBrien drank the water", ["O'Brien", "O’Brien"]),
            ("en", "A naïve façade, Ærø and Łódź", ["naive", "facade", "aero", "Lodz"]),
        ] as [(String, String, [String])])
    func `a word is found in any usual spelling`(language: String, text: String, words: [String]) throws {
        let catalog = try catalog([text, "zzz"], language: language)
        for word in words { #expect(try found(word, catalog) == [1], "\(word)") }
        #expect(try catalog.problems().isEmpty)
    }

    @Test func `a phrase with an apostrophe is found with any and without`() throws {
        let catalog = try catalog([
            "Pat O’Brien said so", "Pat OBrien said so", "Pat O Brien said so", "Pat said",
        ])
        #expect(try found("\"Pat O'Brien said\"", catalog) == [1, 2, 3])
        #expect(try found("pat -O'Brien", catalog) == [4])
    }

    @Test func `a query is stemmed by every language that the index holds`() throws {
        let catalog = try catalog(["The old bridges of the city"])
        try add(["Die alten Häuser der Stadt"], language: "de", from: 2, to: catalog)
        try add(["Les vieux chevaux"], language: "fr", from: 3, to: catalog)
        #expect(try found("bridge", catalog) == [1])
        #expect(try found("haus", catalog) == [2])
        #expect(try found("cheval", catalog) == [3])
        #expect(try found("\"altes Haus\"", catalog) == [2])
        #expect(try found("haus bridge cheval -Pferd", catalog) == [1, 2, 3])
        #expect(try answer("bridge haus", catalog).corrections.isEmpty)
        #expect(try catalog.problems().isEmpty)
    }

    @Test(arguments: [
        ("The bridge over the river is of stone", "en"), ("Stone", "en"), ("", "en"), ("1234 !?", "en"),
        ("Die Brücke über den Fluss ist aus Stein und sehr alt", "de"),
        ("Le pont sur la rivière est en pierre et il est très vieux", "fr"),
        ("El puente sobre el río es de piedra y los arcos son muy viejos", "es"),
        ("Il ponte sul fiume è di pietra e gli archi sono antichi", "it"),
        ("Мост через реку построен из камня", "en"), ("Міст через річку збудований із каменю", "uk"),
        ("Most przez rzekę jest z kamienia i nie był nigdy odbudowany", "und"),
        ("پل روی رودخانه از سنگ است", "fa"), ("الجسر فوق النهر من الحجر", "en"),
        ("東京湾は日本の本州にある湾である", "en"),
        ("Silta joen yli on kivestä ja se on hyvin vanha", "fi"),
        ("The Rio de la Plata and the Costa del Sol are in the south", "en"),
    ])
    func `the language of a text that does not say it is guessed`(text: String, code: String) {
        #expect(KeywordLanguage(site: "", text: Array(text.utf8)).code == code)
    }

    @Test func `documents without a language are stemmed by their own, and go as they came`() throws {
        let catalog = try catalog(
            ["Die Häuser sind aus dem Stein der Berge", "The houses are of stone"], language: "")
        #expect(try found("haus", catalog) == [1])
        #expect(try found("house", catalog) == [2])
        #expect(try catalog.problems().isEmpty)
        let articles = try catalog.articles(wiki: "test", sourceIDs: 1...1)
        try catalog.remove(articles: articles.map(\.id))
        #expect(try found("haus", catalog).isEmpty)
        #expect(try catalog.problems().isEmpty)
    }

    @Test func `threads search at the same time`() throws {
        let catalog = try catalog(["The old bridges of the city"])
        try add(["Die alten Häuser der Stadt"], language: "de", from: 2, to: catalog)
        let right = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 64) { index in
            let query = index % 2 == 0 ? "bridge citty" : "haus stadtt"
            guard let answer = try? catalog.keywordSearch(KeywordQuery(query), limit: 5) else { return }
            let isRight = answer.passages.map(\.id) == [index % 2 == 0 ? 1 : 2]
            if isRight, answer.corrections.count == 1 { right.withLock { $0 += 1 } }
        }
        #expect(right.withLock { $0 } == 64)
    }

    @Test func `the list of languages is checked against the passages`() throws {
        let catalog = try catalog(["Die Häuser"], language: "de")
        let path = directory.path.appending("catalog.sqlite")
        try CatalogConnections(path).write {
            try $0.execute(sql: "UPDATE keyword_language SET language = 'fr'")
        }
        #expect(try catalog.problems().contains { $0.contains("languages") })
        try CatalogConnections(path).write { try KeywordIndex.rebuild($0, path) }
        #expect(try catalog.problems().isEmpty)
        #expect(try found("haus", catalog) == [1])
    }

    @Test func `every stemmer of the table exists, and none breaks any word`() {
        for code in [
            "ca", "da", "de", "es", "eu", "fi", "fr", "ga", "hu", "id", "it", "lt", "nl", "no", "pt",
        ]
            + ["ro", "sv", "tr", "sr", "ne", "yi", "en"]
        {
            let language = KeywordLanguage(code)
            #expect(language.code == code)
            let stems = KeywordStems(language)
            for script in [
                KeywordLanguage.Script.latin, .cyrillic, .greek, .arabic, .armenian, .devanagari, .tamil,
            ] {
                if let algorithm = language.algorithm(for: script) { #expect(Stemmer(algorithm) != nil) }
            }
            for word in [
                "a", "é", "straßen", "ёж", "ال", "ה", "नदी", "ß", "x\u{301}", "İ", "ſ", "١٢",
                "aaaaaaaaaaaaaaaa",
            ] {
                #expect(!stems.term(word).isEmpty)
            }
        }
    }

    @Test func `terms are what FTS5 makes of them`() throws {
        let catalog = try catalog(
            [
                "Ünïted Ærø Łódź straßen Đà Nẵng ΘΆΛΑΣΣΑ ЁЛКА й Її 東京 שָׁלוֹם كِتَاب नदी x² ﬁsh İI ı ʻokina ǆ K Å ﷺ"
            ], language: "de")
        let stems = KeywordStems(KeywordLanguage("de"))
        let text = try #require(try catalog.passages([1])[1]).text
        let expected = Set(KeywordText.pieces(text).flatMap { KeywordText.terms(of: $0, stems) })
        let terms = try catalog.inspect { database in
            try database.execute(sql: "CREATE VIRTUAL TABLE temp.w USING fts5vocab(main, passage_text, row)")
            return try Set(
                String.fetchAll(
                    database, sql: "SELECT term FROM temp.w WHERE term < '\u{E000}' OR term > '\u{E001}'"))
        }
        #expect(terms == expected)
    }

    @Test
    func `a passage with the very word comes before those with its kin, and a phrase does not mix the two`()
        throws
    {
        let kin = (1...20).map { "Population number \($0) is populous." }
        let catalog = try catalog(
            kin + ["A densely populated town of some size, with a harbour and a market, by the sea."])
        #expect(try catalog.keywordSearch("populated", limit: 3).map(\.id).first == 21)
        #expect(try catalog.keywordSearch("Populated town", limit: 3).map(\.id).first == 21)
        #expect(try catalog.keywordSearch("populations", limit: 30).count == 21)
        #expect(try catalog.problems().isEmpty)
    }

    @Test(arguments: ["کتاب\u{200C}های", "کتابهای", "کتاب", "های"])
    func `the parts of a Persian word are found, with the mark between them or without`(_ query: String)
        throws
    {
        let catalog = try catalog(
            ["آن کتاب\u{200C}های کهنه", "رودخانه به دریا می\u{200C}ریزد"], language: "fa")
        #expect(try catalog.keywordSearch(query, limit: 9).map(\.id) == [1])
    }

    @Test func `the tones of a query come before other tones`() throws {
        let other = (1...15).map { "Thành phố điện số \($0)" }
        let catalog = try catalog(
            other + ["Họ điền vào tờ khai dài ở một nơi rất xa trên núi cao"], language: "vi")
        #expect(try catalog.keywordSearch("điền", limit: 3).map(\.id).first == 16)
        #expect(try catalog.keywordSearch("dien", limit: 30).count == 16)
    }
}
