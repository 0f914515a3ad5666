import KindredSystem
import Testing

@testable import KindredStore

@Suite struct KeywordQueryTests {
    @Test(
        arguments: [
            ("bridges", [], [], "bridges"),
            ("old \"stone bridge\" Rome", ["stone bridge"], [], "old stone bridge Rome"),
            ("“stone bridge” arch", ["stone bridge"], [], "stone bridge arch"),
            ("„alte Brücke“ Bogen", ["alte Brücke"], [], "alte Brücke Bogen"),
            ("«vieux pont» »alte Brücke«", ["vieux pont", "alte Brücke"], [], "vieux pont alte Brücke"),
            ("「東京湾」 灯台", ["東京湾"], [], "東京湾 灯台"),
            ("rust -game", [], ["game"], "rust"),
            ("rust -\"video game\" iron", [], ["video game"], "rust iron"),
            ("-game rust", [], ["game"], "rust"),
            ("bridge -well-known", [], ["well-known"], "bridge"),
            ("(\"stone bridge\")", ["stone bridge"], [], "stone bridge"),
            // No phrase and no exclusion.
            ("well-known COVID-19", [], [], "well-known COVID-19"),
            ("-40 degrees", [], [], "-40 degrees"),
            ("rust - iron", [], [], "rust - iron"),
            ("--option", [], [], "--option"),
            ("a \"lonely mark", [], [], "a \"lonely mark"),
            ("\"\" empty", [], [], "\"\" empty"),
            ("5\" pipe 6\"", [], [], "5\" pipe 6\""),
            ("צה\"ל", [], [], "צה\"ל"),
            ("O'Brien l’eau don't", [], [], "O'Brien l’eau don't"),
        ] as [(String, [String], [String], String)])
    func `a query is read as a person means it`(
        query: String, phrases: [String], exclusions: [String], text: String
    ) throws {
        let parsed = try KeywordQuery(query)
        #expect(parsed.phrases == phrases)
        #expect(parsed.exclusions == exclusions)
        #expect(parsed.text == text)
    }

    @Test(arguments: ["-game", "-\"video game\" -rust", " -a  -b "])
    func `a query of exclusions only is refused`(query: String) {
        let error = #expect(throws: KindredError.self) { _ = try KeywordQuery(query) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func `more conditions than any query has are refused`() {
        let many = String(repeating: "\"a\" ", count: 100)
        #expect(#expect(throws: KindredError.self) { _ = try KeywordQuery(many) }?.code == .invalidRequest)
    }

    @Test func `a plain question has no conditions`() {
        let query = KeywordQuery(plain: "Who wrote \"Moby Dick\" -dash")
        #expect(query.phrases.isEmpty && query.exclusions.isEmpty)
        #expect(query.text == "Who wrote \"Moby Dick\" -dash")
    }

    @Test func `the neighbours of a word are one edit away`() {
        let neighbors = Set(KeywordVocabulary.neighbors(of: "brige"))
        for word in ["bridge", "brigge", "birge", "bige", "abrige", "briges"] {
            #expect(neighbors.contains(word), "\(word)")
        }
        #expect(!neighbors.contains("brige") && !neighbors.contains("bridges"))
        #expect(KeywordVocabulary.neighbors(of: "мост").contains("рост"))
    }

    @Test(arguments: ["\"a ", "« ", "„ ", "-\"a "])
    func `opening marks without their other half are text, however many`(mark: String) throws {
        let query = try KeywordQuery("a " + String(repeating: mark, count: 9_990 / mark.count))
        #expect(query.phrases.isEmpty && query.exclusions.isEmpty && query.parts.count == 1)
    }
}
