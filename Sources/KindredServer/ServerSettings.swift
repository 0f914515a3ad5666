import KindredSystem
import SystemPackage

/// How `kindred serve` listens and what it serves.
package struct ServerSettings: Sendable {
    /// The directory that holds the indexes.
    package var indexes: FilePath
    /// A name or address of this machine.
    package var host = "127.0.0.1"
    /// 0: any that is free.
    package var port = 7700
    /// What clients must send as `Authorization: Bearer TOKEN`; nil: nothing.
    package var token: String?
    /// Directories of encoders, beside the embedded one and those of the indexes.
    package var encoders: [FilePath] = []
    package var limits = Limits()

    /// What a client may ask for.
    package struct Limits: Sendable {
        /// Bytes of a request's body: 2,048 texts of 4 KiB.
        package var bodyBytes = 8 << 20
        /// Texts of one request for vectors, as OpenAI has it.
        package var texts = 2048
        /// Texts of all requests that wait for the encoder.
        package var waitingTexts = 16_384
        /// Bytes of the lines before the body.
        package var headerBytes = 32 << 10
        /// Open connections; further ones wait.
        package var connections = 1024
        /// How long a client may take to send the lines before its first body.
        package var headTime = Duration.seconds(10)
        /// How long a client may take to send its body.
        package var bodyTime = Duration.seconds(30)
        /// How long a connection may be silent.
        package var idleTime = Duration.seconds(75)
        /// How long the vectors' queue of an encoder that no request names stays open.
        package var queueTime = Duration.seconds(600)
        /// How long requests in progress may take once the server stops.
        package var stopTime = Duration.seconds(10)
        /// Threads that search.
        package var searchThreads = Processor.count

        package init() {}
    }

    package init(indexes: FilePath) { self.indexes = indexes }

    /// Whether only this machine can reach the server.
    package var isLoopback: Bool { Self.isLoopback(host) }

    /// Whether a name is `localhost` or a loopback address, in full: 127.0.0.1.example is a name that anyone may own.
    static func isLoopback(_ name: String) -> Bool {
        name == "localhost" || name == "::1"
            || name.wholeMatch(of: /127(\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}/) != nil
    }

    /// - Throws: `invalidRequest` for what would let others read the indexes, and for a token that no header can hold.
    package func check() throws {
        if let token {
            guard token.utf8.count >= 16, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw KindredError(
                    .invalidRequest,
                    "the token needs 16 or more characters of ASCII without spaces; make one with 'openssl rand -hex 16'"
                )
            }
        }
        guard isLoopback || token != nil else {
            throw KindredError(
                .invalidRequest,
                "other machines can reach \(host); ask them for a token with --token or KINDRED_TOKEN, or listen on "
                    + "127.0.0.1")
        }
    }
}
