import Testing

@testable import KindredIndex

@Suite struct MergePolicyTests {
    private let policy = MergePolicy(lowestTier: 10, maximumMergedVectors: 1000)

    @Test func `four segments of a tier are merged, the oldest first, and fewer are left`() {
        #expect(policy.nextMerge([]) == nil)
        #expect(policy.nextMerge([5, 5, 5]) == nil)
        #expect(policy.nextMerge([5, 5, 5, 5]) == [0, 1, 2, 3])
        #expect(policy.nextMerge([9, 1, 20, 3, 4, 5]) == [0, 1, 3, 4])
    }

    @Test func `a tier begins at the lowest limit and at each fourfold of it`() {
        #expect([0, 9, 10, 39, 40, 159, 160].map(policy.tier) == [0, 0, 1, 1, 2, 2, 3])
        #expect(policy.nextMerge([9, 9, 9, 10]) == nil)
        #expect(policy.nextMerge([10, 39, 20, 10]) == [0, 1, 2, 3])
    }

    @Test func `the lowest full tier is merged first`() {
        #expect(policy.nextMerge([40, 41, 42, 43, 1, 2, 3, 4]) == [4, 5, 6, 7])
        #expect(policy.nextMerge([1, 40, 41, 42, 43]) == [1, 2, 3, 4])
    }

    @Test func `no merge makes a segment above the maximum`() {
        #expect(policy.nextMerge([250, 250, 250, 250]) == [0, 1, 2, 3])
        #expect(policy.nextMerge([250, 250, 250, 251]) == nil)
    }

    @Test func `equal batches leave fewer than four segments of a tier, with all vectors`() {
        var counts: [Int] = []
        for batch in 1...60 {
            counts.append(6)
            while let merge = policy.nextMerge(counts) {
                let merged = merge.reduce(0) { $0 + counts[$1] }
                for position in merge.reversed() { counts.remove(at: position) }
                counts.append(merged)
            }
            #expect(counts.reduce(0, +) == 6 * batch)
            let tiers = Dictionary(grouping: counts, by: policy.tier)
            #expect(tiers.values.allSatisfy { $0.count < 4 })
        }
    }

    @Test func `a segment is rewritten once more than 30 % of it is deleted`() {
        #expect(!policy.rewrites(count: 10, deleted: 0))
        #expect(!policy.rewrites(count: 10, deleted: 3))
        #expect(policy.rewrites(count: 10, deleted: 4))
        #expect(policy.rewrites(count: 1, deleted: 1))
    }
}
