import KindredIndex
import Testing

@Suite struct RankFusionTests {
    private let semantic: [(id: Int64, score: Double)] = [(1, 0.9), (2, 0.8)]
    private let keyword: [(id: Int64, score: Double)] = [(2, 7), (3, 6)]

    @Test func `reciprocal rank fusion adds one over the constant plus rank`() {
        var fusion = RankFusion()
        (fusion.constant, fusion.semanticWeight, fusion.keywordWeight) = (60, 1, 1)
        let fused = fusion.fuse(semantic: semantic, keyword: keyword)
        #expect(fused.map(\.id) == [2, 1, 3])
        #expect(abs(fused[0].score - (1 / 62 + 1 / 61.0)) < 1e-12)
    }

    @Test func `constant and weights shift the balance between the rankings`() {
        var fusion = RankFusion()
        (fusion.constant, fusion.semanticWeight, fusion.keywordWeight) = (1, 4, 1)
        let fused = fusion.fuse(semantic: semantic, keyword: keyword)
        #expect(fused.map(\.id) == [1, 2, 3])
        #expect(abs(fused[0].score - 2) < 1e-12)
        #expect(abs(fused[1].score - (4 / 3.0 + 1 / 2.0)) < 1e-12)
    }

    @Test func `a ranking without weight is left out and equal scores are ordered by id`() {
        var fusion = RankFusion()
        fusion.semanticWeight = 0
        #expect(fusion.fuse(semantic: semantic, keyword: keyword).map(\.id) == [2, 3])
        fusion.semanticWeight = fusion.keywordWeight
        #expect(fusion.fuse(semantic: [(9, 1)], keyword: [(4, 1)]).map(\.id) == [4, 9])
    }
}
