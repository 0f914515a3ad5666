import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import Kindred

@Suite struct FileLockTests {
    @Test func `a second holder is refused until the first lets go`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("lock")
        var first: FileLock? = try FileLock(path, busy: "taken")
        let error = #expect(throws: KindredError.self) { try FileLock(path, busy: "taken") }
        #expect(error?.code == .busy)
        withExtendedLifetime(first) {}
        first = nil
        _ = try FileLock(path, busy: "taken")
    }
}
