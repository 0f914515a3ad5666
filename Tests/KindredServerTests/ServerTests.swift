import KindredServer
import Testing

@Suite struct ServerTests {
    @Test func aPageIsServed() { #expect(String(decoding: Server.page, as: UTF8.self).contains("Kindred")) }
}
