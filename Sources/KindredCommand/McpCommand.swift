import ArgumentParser
import Kindred
import KindredServer
import KindredSystem

struct McpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp", abstract: "Let an assistant search and read, by the Model Context Protocol.",
        discussion: """
            An assistant starts this command and speaks with it over standard input and output. Its settings name it so:

              {"mcpServers": {"kindred": {"command": "kindred", "args": ["mcp", "--indexes", "/home/me/indexes"]}}}
            """)

    @OptionGroup var indexes: IndexOptions

    func run() throws {
        let server = ModelContextServer(
            indexes: indexes.root, version: KindredCommand.configuration.version)
        while let line = readLine(strippingNewline: true) {
            guard !line.isEmpty, let answer = server.answer(to: line) else { continue }
            CommandOutput.line(answer)
        }
    }
}
