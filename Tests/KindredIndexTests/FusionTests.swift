import KindredIndex
import KindredSystem
import Testing

private func passages(_ scores: [(Int64, Double)]) -> [ScoredPassage] {
    scores.map { ScoredPassage(id: $0.0, score: $0.1) }
}

@Suite struct FusionTests {
    private let semantic = passages([(1, 0.9), (2, 0.8), (4, 0.5)])
    private let keyword = passages([(2, 8), (3, 6)])

    @Test func `cosines count from the least candidate's to 1 and BM25 from none to the best`() {
        let fused = Fusion.scores(semanticShare: 0.4).fuse(semantic: semantic, keyword: keyword)
        #expect(fused.map(\.id) == [2, 3, 1, 4])
        for (score, expected) in zip(fused.map(\.score), [0.6 + 0.4 * 0.6, 0.6 * 0.75, 0.4 * 0.8, 0]) {
            #expect(abs(score - expected) < 1e-12)
        }
    }

    @Test func `neither the scale of the scores nor the number of results asked for moves the ranking`() {
        let fusion = Fusion.standard
        let before = fusion.fuse(semantic: semantic, keyword: keyword)
        let scaled = fusion.fuse(
            semantic: semantic.map { ScoredPassage(id: $0.id, score: 0.9 + 0.1 * $0.score) },
            keyword: keyword.map { ScoredPassage(id: $0.id, score: 100 * $0.score) })
        #expect(scaled.map(\.id) == before.map(\.id))
        let many = (0..<300).map { ScoredPassage(id: Int64($0), score: 1 - Double($0) / 1000) }
        let few = fusion.fuse(semantic: Array(many.prefix(100)), keyword: keyword)
        let all = fusion.fuse(semantic: many, keyword: keyword)
        #expect(all.prefix(50).map(\.id) == few.prefix(50).map(\.id))
    }

    @Test func `a semantic ranking without a good answer weighs less than one with it`() {
        let fusion = Fusion.standard
        let sure = fusion.fuse(
            semantic: passages([(1, 0.9), (2, 0.2)]), keyword: passages([(2, 8), (1, 6)]))
        #expect(sure.map(\.id) == [1, 2])
        let unsure = fusion.fuse(
            semantic: passages([(1, 0.3), (2, 0.2)]), keyword: passages([(2, 8), (1, 4)]))
        #expect(unsure.map(\.id) == [2, 1])
    }

    @Test func `one ranking alone keeps its order, and equal scores are ordered by id`() {
        let fusion = Fusion.standard
        #expect(fusion.fuse(semantic: semantic, keyword: []).map(\.id) == [1, 2, 4])
        #expect(fusion.fuse(semantic: [], keyword: keyword).map(\.id) == [2, 3])
        #expect(fusion.fuse(semantic: [], keyword: []).isEmpty)
        #expect(fusion.fuse(semantic: passages([(7, 0.3)]), keyword: []).map(\.id) == [7])
        #expect(fusion.fuse(semantic: passages([(9, 0.5), (4, 0.5)]), keyword: []).map(\.id) == [4, 9])
    }

    @Test func `reciprocal rank fusion adds one over the constant plus rank`() {
        let fused = Fusion.ranks(constant: 60, semanticWeight: 1).fuse(semantic: semantic, keyword: keyword)
        #expect(fused.map(\.id) == [2, 1, 3, 4])
        #expect(abs(fused[0].score - (1 / 62 + 1 / 61.0)) < 1e-12)
    }

    @Test func `constant and weight shift the balance between the ranks`() {
        let fused = Fusion.ranks(constant: 1, semanticWeight: 4).fuse(semantic: semantic, keyword: keyword)
        #expect(fused.map(\.id) == [1, 2, 4, 3])
        #expect(abs(fused[0].score - 2) < 1e-12)
        #expect(abs(fused[1].score - (4 / 3.0 + 1 / 2.0)) < 1e-12)
    }

    @Test func `a ranking without weight is left out and equal scores are ordered by id`() {
        for fusion in [Fusion.ranks(constant: 5, semanticWeight: 0), .scores(semanticShare: 0)] {
            #expect(fusion.fuse(semantic: semantic, keyword: keyword).map(\.id) == [2, 3])
        }
        let whole = Fusion.scores(semanticShare: 1).fuse(semantic: semantic, keyword: keyword)
        #expect(whole.map(\.id) == [1, 2, 4])
        let equal = Fusion.ranks(constant: 5, semanticWeight: 1).fuse(
            semantic: passages([(9, 1)]), keyword: passages([(4, 1)]))
        #expect(equal.map(\.id) == [4, 9])
    }
}
