import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredCommand

@Suite struct OutputKindTests {
    @Test func `an output that is an input or of another kind is refused`() throws {
        let directory = try TemporaryDirectory()
        let text = try directory.file("text", Array("my text".utf8)).string
        let array = try directory.file("array", [0x93] + Array("NUMPY".utf8) + [1, 0]).string
        try FileManager.default.createSymbolicLink(
            atPath: directory.path.appending("link").string, withDestinationPath: "text")
        func code(_ output: String, _ inputs: [String] = [], force: Bool = false) -> KindredError.Code? {
            do {
                try OutputKind.array.check(output: output, inputs: inputs, force: force)
                return nil
            } catch { return (error as? KindredError)?.code }
        }
        let link = directory.path.appending("link").string
        #expect(
            code(text, [link]) == .invalidRequest
                && code(link, [array, text], force: true) == .invalidRequest)
        #expect(code(text, [array]) == .cannotCreate && code(text, [array], force: true) == nil)
        #expect(code(array, [text]) == nil && code("/dev/null") == nil && code("-", ["-"]) == nil)
        #expect(code(directory.path.appending("new").string, [text]) == nil)
        #expect(code(try directory.file("empty", []).string) == nil)
    }
}
