import KindredSystem
import Synchronization
import Testing

@Suite struct ProcessorTests {
    @Test(arguments: [1, 2, 3])
    func `every iteration runs once, on no more threads than asked for`(threads: Int) {
        let runs = Mutex([Int](repeating: 0, count: 500))
        let running = Atomic(0)
        let most = Atomic(0)
        Processor.parallel(500, threads: threads) { index in
            let now = running.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
            most.max(now, ordering: .sequentiallyConsistent)
            runs.withLock { $0[index] += 1 }
            running.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        }
        #expect(runs.withLock { $0 } == [Int](repeating: 1, count: 500))
        #expect((1...threads).contains(most.load(ordering: .sequentiallyConsistent)))
    }

    @Test func `a level of instructions that is not known is refused`() throws {
        for level in [nil, "portable", "avx2", "avx-vnni"] { try Processor.checkLevel(level) }
        let error = #expect(throws: KindredError.self) { try Processor.checkLevel("AVX2") }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("KINDRED_CPU=AVX2") == true)
    }
}
