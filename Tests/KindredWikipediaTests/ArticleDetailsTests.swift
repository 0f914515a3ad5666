import KindredWikipedia
import Testing

private func article(_ wikitext: String, site: DumpSite = DumpSite()) -> Article {
    Article(title: "Otter", wikitext: wikitext, site: site)
}

@Suite struct ArticleDetailsTests {
    @Test func `categories come without prefix and sort key, in order, each once`() {
        let categories = article(
            "Text.\n[[Category:mustelids|Otter]]\n[[category: River_animals ]][[Category:Mustelids]]\n"
                + "[[:Category:Linked]] <nowiki>[[Category:Quoted]]</nowiki>"
        ).categories
        #expect(categories == ["Mustelids", "River animals"])
    }

    @Test func `an infobox gives its parameters as plain text`() {
        let facts = article(
            """
            {{Infobox animal
            | name = '''Otter'''
            | length_cm = {{nowrap|90}}
            | lives = [[River|rivers]]<ref>Book</ref>
            | food =
            * [[fish]]
            * crabs
            | image = Otter.jpg
            | empty =
            | 3
            }}
            '''Otters''' swim. {{cite|name=x|title=y|year=z}}
            """
        ).facts
        #expect(
            facts == [
                .init(name: "name", value: "Otter"), .init(name: "length cm", value: "90"),
                .init(name: "lives", value: "rivers"), .init(name: "food", value: "fish, crabs"),
            ])
    }

    @Test func `a box in the lead is known by its form, a navigation box below is none`() {
        let box = "{{Персонаж\n| имя = Выдра\n| рост = 90\n| место = река\n}}\n"
        #expect(article(box + "Text.").facts.map(\.value) == ["Выдра", "90", "река"])
        #expect(article("Text.\n== More ==\n" + box).facts.isEmpty)
        #expect(article("{{main|a|b|c}}\nText {{x|a=1|b=2|c=3}} goes on.").facts.isEmpty)
    }

    @Test func `facts are bounded in number and length`() {
        let long = String(repeating: "word ", count: 5_000)
        let parameters = (0..<100).map { "| p\($0) = \($0) \(long)\n" }.joined()
        let facts = article("{{Infobox x\n\(parameters)}}\nText.").facts
        #expect(facts.count == Article.mostFacts)
        #expect(facts.allSatisfy { $0.value.count <= Article.longestFact && $0.value.hasSuffix("word…") })
    }

    @Test(arguments: [
        "Otter may be:\n* [[A]]\n__DISAMBIG__", "Otter may be:\n{{Disambiguation}}",
        "Otter ist:\n{{Begriffsklärung}}",
        "{{Неоднозначность|имя}}", "{{曖昧さ回避}}", "{{Homonymie de personnes|x}}", "{{hndis|name=Otter}}",
        "x\n[[Category:Place name disambiguation pages]]",
    ])
    func `a disambiguation is marked by a word, a template or a category`(wikitext: String) {
        #expect(article(wikitext).isDisambiguation)
    }

    @Test func `a disambiguation is known by its title too`() {
        #expect(Article(title: "Otter (Begriffsklärung)", wikitext: "x").isDisambiguation)
        #expect(Article(title: "メルクリウス（曖昧さ回避）", wikitext: "x").isDisambiguation)
        #expect(!Article(title: "Disambiguation (film)", wikitext: "x").isDisambiguation)
    }

    @Test func `a hatnote that points to a disambiguation makes none`() {
        #expect(!article("{{other uses|Otter (disambiguation)}}\n{{About|x}}\nText.").isDisambiguation)
        #expect(!article("See [[Otter (disambiguation)]].").isDisambiguation)
    }

    @Test func `an anchor is what links to another article under another name`() {
        let anchors = article(
            "[[mustela_lutra#Diet|the ''animal'']], [[river]]s, [[River|RIVER]], [[fish]], [[fish|food]]s, [[#Diet|below]],"
                + " [[File:a.jpg|x]], [[fr:Loutre|y]], [[:de:Otter|z]], [[wikt:otter|w]], [[Help:Me|h]], [[ river|Rivers]]"
        ).anchors
        #expect(
            anchors == [
                .init(text: "the animal", target: "Mustela lutra"), .init(text: "rivers", target: "River"),
                .init(text: "foods", target: "Fish"), .init(text: "Rivers", target: "River"),
            ])
    }
}
