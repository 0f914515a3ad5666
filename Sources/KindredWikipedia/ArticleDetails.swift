/// What wikitext says of its article besides the text: categories, facts, anchors, and whether it is a disambiguation.
struct ArticleDetails {
    private(set) var categories: [String] = []
    private(set) var facts: [Article.Fact] = []
    private(set) var anchors: [Article.Anchor] = []
    var isDisambiguation = false

    private var knownCategories: Set<String> = []
    private var knownFacts: Set<Article.Fact> = []
    private var knownAnchors: Set<Article.Anchor> = []

    mutating func add(category: String) {
        guard !category.isEmpty, knownCategories.insert(category).inserted else { return }
        categories.append(category)
        // No page has a hundred; looking at the names of a million would take seconds.
        if categories.count <= 1_000, Disambiguation.isCategory(category) { isDisambiguation = true }
    }

    mutating func add(_ fact: Article.Fact) {
        guard facts.count < Article.mostFacts, knownFacts.insert(fact).inserted else { return }
        facts.append(fact)
    }

    mutating func add(_ anchor: Article.Anchor) {
        guard knownAnchors.insert(anchor).inserted else { return }
        anchors.append(anchor)
    }
}
