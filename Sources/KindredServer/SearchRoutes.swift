import Foundation
import Hummingbird
import Kindred
import KindredEncoder
import KindredSystem
import NIOPosix

/// `GET /search`, `GET /articles/ID` and `GET /indexes`.
struct SearchRoutes: Sendable {
    let indexes: OpenIndexes
    let encoders: ServedEncoders
    let workers: NIOThreadPool

    // MARK: GET /search

    private struct Asked: Sendable {
        let query: String
        let mode: SearchMode
        let limit: Int
        let filter: SearchFilter?
        let facets: [String]
        let grouping: SearchGrouping
        let minimumRelevance: Double?
        let sentences: Bool
        let searcher: Searcher
    }

    func search(_ request: Request, _ context: ServerContext) async throws -> Response {
        let asked = try await workers.runIfActive { try self.asked(request) }
        let query = try await encoded(asked)
        let (results, sentences) = try await workers.runIfActive {
            // What is no query has been refused already.
            let about = asked.filter != nil ? "where" : asked.facets.isEmpty ? "min_score" : "facets"
            let results = try Self.naming(about) {
                try asked.searcher.search(
                    asked.query, mode: asked.mode, limit: asked.limit, filter: asked.filter,
                    facets: asked.facets, grouping: asked.grouping, minimumRelevance: asked.minimumRelevance,
                    encoded: query)
            }
            let sentences =
                asked.sentences
                ? try AnsweringSentences(results, encoder: asked.searcher.encoding(of: asked.query)) : nil
            return (results, sentences)
        }
        var answers: [Int64: Range<Int>] = [:]
        if let sentences {
            let vectors = try await encoders.queue(of: sentences.encoder).encode(sentences.inputs)
            answers = sentences.best(vectors)
        }
        let best = answers
        return try await workers.runIfActive {
            .json(
                try JSONOutput.bytes(
                    SearchOutput(results, index: asked.searcher.directory.name, sentences: best),
                    pretty: false))
        }
    }

    private func asked(_ request: Request) throws -> Asked {
        let parameters = try QueryParameters(
            request,
            known: [
                "q", "index", "k", "mode", "where", "title_prefix", "facets", "group", "min_score",
                "sentences",
            ])
        let query = try parameters.required("q")
        _ = try Self.naming("q") { try Searcher.parsed(query) }
        let limit = try parameters.integer("k", in: 1...1000) ?? 10
        let mode = try parameters.choice("mode", SearchMode.self) ?? .hybrid
        let sentences = try parameters.flag("sentences")
        let grouping = try parameters.choice("group", SearchGrouping.self) ?? .none
        let minimum = try parameters.number("min_score", in: 0...1)
        let searcher = try indexes.searcher(parameters["index"])
        let filter = try Self.naming("where") {
            try SearchFilter.parsing(
                condition: parameters["where"], titlePrefix: parameters["title_prefix"])
        }
        let facets = (parameters["facets"] ?? "").split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        return Asked(
            query: query, mode: mode, limit: limit, filter: filter, facets: facets, grouping: grouping,
            minimumRelevance: minimum, sentences: sentences,
            searcher: searcher)
    }

    /// The query's vector, encoded together with other requests' texts; nil for a search by keywords.
    private func encoded(_ asked: Asked) async throws -> EncodedQuery? {
        guard asked.mode != .keyword else { return nil }
        let found = try await workers.runIfActive { () -> (EncodingQueue, EncoderInput)? in
            do {
                let (encoder, text) = try asked.searcher.encoding(of: asked.query)
                let input = encoder.input(for: text, instruction: encoder.configuration.prompts.query)
                return (encoders.queue(of: encoder), input)
            } catch {
                // The search says what is wrong with the index, or answers by keywords.
                return nil
            }
        }
        guard let (queue, input) = found else { return nil }
        let vectors = try await queue.encode([input])
        return EncodedQuery(vector: vectors.row(0), fingerprint: queue.encoder.fingerprint)
    }

    /// Says which parameter an invalid request is about.
    private static func naming<Value>(_ parameter: String, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as KindredError where error.code == .invalidRequest {
            throw RequestError(error, parameter: parameter)
        }
    }

    // MARK: GET /articles/ID

    func article(_ request: Request, _ context: ServerContext) async throws -> Response {
        let parameters = try QueryParameters(request, known: ["index"])
        guard let id = context.parameters.get("id").flatMap({ Int64($0) }), id > 0 else {
            throw RequestError.invalid("an article's id is a whole number above 0", parameter: "id")
        }
        return try await workers.runIfActive {
            let searcher = try indexes.searcher(parameters["index"])
            let article: IndexedArticle
            do { article = try searcher.article(id: id) } catch let error as KindredError
                where error.code == .notFound
            {
                throw RequestError(error, parameter: "id")
            }
            return .json(
                try JSONOutput.bytes(
                    ArticleOutput(article, index: searcher.directory.name), pretty: false))
        }
    }

    // MARK: GET /indexes

    func list(_ request: Request, _ context: ServerContext) async throws -> Response {
        _ = try QueryParameters(request, known: [])
        return try await workers.runIfActive {
            // One that cannot be read does not hide the others.
            let all = try IndexDirectory.all(in: indexes.root).compactMap { try? IndexStatus($0) }
            return .json(try JSONOutput.bytes(StatusOutput(all), pretty: false))
        }
    }
}
