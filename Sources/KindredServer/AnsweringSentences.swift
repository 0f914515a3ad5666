import Kindred
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredWikipedia

/// Finds the sentence of each passage that is nearest to the query.
struct AnsweringSentences: Sendable {
    /// Hits whose sentences are encoded, and sentences of each, at most: what a person looks at first.
    private static let hits = 10
    private static let sentencesPerHit = 12

    let encoder: TextEncoder
    /// The query, then the sentences.
    let inputs: [EncoderInput]
    /// The passage of each sentence, and the sentence's UTF-8 bytes in it.
    private let places: [(passage: Int64, range: Range<Int>)]

    init(_ results: SearchResults, encoder: (encoder: TextEncoder, text: String)) {
        self.encoder = encoder.encoder
        let prompts = self.encoder.configuration.prompts
        var inputs = [self.encoder.input(for: encoder.text, instruction: prompts.query)]
        var places: [(passage: Int64, range: Range<Int>)] = []
        for hit in results.hits.prefix(Self.hits) {
            let bytes = Array(hit.text.utf8)
            let sentences = Self.lines(bytes).flatMap { SentenceCutter.sentences(bytes, $0) }
            // A passage of one sentence has nothing to choose from.
            guard sentences.count > 1 else { continue }
            for sentence in sentences.prefix(Self.sentencesPerHit) {
                let text = String(decoding: bytes[sentence], as: UTF8.self)
                inputs.append(self.encoder.input(for: text, instruction: prompts.document))
                places.append((hit.passageID, sentence))
            }
        }
        self.inputs = inputs
        self.places = places
    }

    private static func lines(_ bytes: [UInt8]) -> [Range<Int>] {
        bytes.split(separator: UInt8(ascii: "\n")).map { $0.startIndex..<$0.endIndex }
    }

    /// - Parameter vectors: of `inputs`.
    /// - Returns: by passage, the UTF-8 bytes of the sentence with the largest cosine.
    func best(_ vectors: Matrix) -> [Int64: Range<Int>] {
        let query = vectors.row(0)
        var best: [Int64: (cosine: Float, range: Range<Int>)] = [:]
        for (index, place) in places.enumerated() {
            let cosine = zip(query, vectors.row(index + 1)).reduce(Float(0)) { $0 + $1.0 * $1.1 }
            if best[place.passage].map({ cosine > $0.cosine }) ?? true {
                best[place.passage] = (cosine, place.range)
            }
        }
        return best.mapValues(\.range)
    }
}
