/// Indexes with their contents and sizes as JSON, for `kindred status --json` and for the server.
package struct StatusOutput: Encodable {
    struct Index: Encodable {
        struct Bytes: Encodable { let total, catalog, segments, other, textsCompressed, texts: Int }
        struct Encoder: Encodable {
            let model, fingerprint: String
            let dimensions: Int
        }
        let name: String
        let articles, passages, segments, deletedPassages: Int
        let reindexedPassages: Int?
        let encoder: Encoder
        let bytes: Bytes
        /// Names of metadata that documents have.
        let fields: [String]

        init(_ status: IndexStatus) {
            name = status.name
            articles = status.articles
            passages = status.passages
            segments = status.segments
            deletedPassages = status.deletedPassages
            reindexedPassages = status.reindexedPassages
            encoder = Encoder(
                model: status.model, fingerprint: status.fingerprint, dimensions: status.dimensions)
            bytes = Bytes(
                total: status.totalBytes, catalog: status.catalogBytes, segments: status.segmentBytes,
                other: status.otherBytes, textsCompressed: status.compressedTextBytes,
                texts: status.textBytes)
            fields = status.fields
        }
    }

    let indexes: [Index]

    package init(_ indexes: [IndexStatus]) { self.indexes = indexes.map(Index.init) }
}
