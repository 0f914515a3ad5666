import ArgumentParser
import Foundation
import KindredEncoder
import KindredSystem
import KindredTokenizers
import SystemPackage

extension ModelCommand {
    struct Tokenize: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the tokens of texts, as a model's tokenizer cuts them.",
            discussion: """
                For each line of the file, a line of token ids; with --json an object with "ids" and "tokens".

                  kindred model tokenize models/decoder texts.txt
                  echo 'The tide is high' | kindred model tokenize SmolLM2.gguf - --json
                """)

        @Argument(
            help: ArgumentHelp(
                "A model directory, a GGUF file, or a tokenizer's file: tokenizer.json, SentencePiece's "
                    + "tokenizer.model, vocab.txt or vocab.json.", valueName: "model"), completion: .file())
        var model: String
        @Argument(
            help: "A file with a text on each line, also compressed by bzip2 or gzip; '-' is standard input.",
            completion: .file())
        var file: String
        @Flag(help: "Each line is a JSON string, or an object with \"text\" and, if there is one, \"title\".")
        var jsonLines = false
        @Flag(help: "Leave out the tokens that are put around a text.") var textOnly = false
        @Flag(help: "Print one JSON object for each text.") var json = false

        private struct Output: Encodable {
            let ids: [Int32]
            let tokens: [String]
        }

        func run() throws {
            let tokenizer = try tokenizer()
            try TextInput.forEach(in: file, jsonLines: jsonLines, allowsBlank: true) { text in
                let ids = tokenizer.encode(text, addSpecialTokens: !textOnly)
                if json {
                    let tokens = ids.map { tokenizer.token($0) ?? "" }
                    try CommandOutput.json(Output(ids: ids, tokens: tokens), pretty: false)
                } else {
                    CommandOutput.line(ids.map(String.init).joined(separator: " "))
                }
                if Interrupts.requested { throw ExitCode(130) }
            }
        }

        private func tokenizer() throws -> Tokenizer {
            let path = FilePath(model)
            let isTokenizer = ["json", "model", "txt"].contains(path.extension)
            if isTokenizer, FileKind(model) == .regular { return try Tokenizer(path: path) }
            return try Checkpoint(path).tokenizer()
        }
    }
}
