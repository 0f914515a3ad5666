import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredSystem

@Suite struct KindredErrorTests {
    @Test func `an error of a system call keeps errno as its cause, which its text does not repeat`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("none")
        let error = #expect(throws: KindredError.self) { try ReadableFile(path) }
        let cause = error?.cause as? KindredError.SystemCallError
        #expect(cause == KindredError.SystemCallError("open", .noSuchFileOrDirectory))
        #expect(error?.description == "\(path): no such file; check the path")
    }

    @Test func `a program can have codes of its own`() {
        let own = KindredError.Code(rawValue: "outOfPaper")
        #expect(own != .inputOutput && KindredError.Code(rawValue: "inputOutput") == .inputOutput)
        #expect("\(KindredError(own, "no paper").code)" == "outOfPaper")
    }
}
