import KindredSystem

/// Comma-separated values (RFC 4180) with a header line; separated by semicolons or tabs where the header is.
///
/// A field in quotation marks may hold separators, line breaks and doubled quotation marks.
final class CSVFile: RecordFormat {
    static let version = 1
    private let name: String
    private var lines: SourceLines
    private let encoding: String?
    private let longest: Int
    private var header: [String]?
    private var separator: Character = ","

    init(_ source: ByteSource, options: ReadingOptions) {
        name = source.name
        lines = SourceLines(source, longest: options.longest)
        encoding = options.charset
        longest = options.longest
    }

    func next() throws -> FileRecordItem? {
        while true {
            let header = try header ?? readHeader()
            guard let (line, row) = try readRow() else { return nil }
            guard case .fields(let values) = row else {
                if case .damaged(let error) = row { return .damaged(error) }
                return nil
            }
            // A line without anything in it separates nothing.
            if values.count == 1, values[0].isEmpty { continue }
            guard values.count == header.count else {
                return .damaged(
                    KindredError(
                        .invalidData, "has \(values.count) fields where the header has \(header.count)",
                        at: .init(path: name, line: line)))
            }
            return .record(
                FileRecord(line: line, fields: zip(header, values).map { ($0, [.text($1)]) }, isTyped: false))
        }
    }

    private func readHeader() throws -> [String] {
        guard let first = try text() else {
            throw KindredError(
                .invalidData, "is empty; a CSV file begins with the names of its fields",
                at: .init(path: name))
        }
        let counts = [",", ";", "\t", "|"].map { mark in (mark, first.count { String($0) == mark }) }
        if let best = counts.max(by: { $0.1 < $1.1 }), best.1 > 0 { separator = Character(best.0) }
        guard case .fields(let names) = try row(startingWith: first, line: 1) else {
            throw KindredError(
                .invalidData, "has a header with a quotation mark that nothing closes",
                at: .init(path: name, line: 1))
        }
        let trimmed = names.map(\.trimmed)
        header = trimmed
        return trimmed
    }

    private enum Row {
        case fields([String])
        case damaged(KindredError)
    }

    private func readRow() throws -> (line: Int, row: Row)? {
        guard let first = try text() else { return nil }
        let line = lines.number
        return (line, try row(startingWith: first, line: line))
    }

    private func text() throws -> String? {
        switch try lines.next() {
        case nil: nil
        case .tooLong:
            throw KindredError(
                .invalidData, "is longer than --max-page", at: .init(path: name, line: lines.number))
        case .bytes(let bytes): try TextEncodings.decode(bytes, declared: encoding, name: name)
        }
    }

    /// The fields of a row, which goes on over line breaks within quotation marks.
    private func row(startingWith first: String, line: Int) throws -> Row {
        var fields: [String] = []
        var field = ""
        var isQuoted = false
        var wasQuoted = false
        var text = Substring(first)
        var size = 0
        while true {
            size += text.utf8.count
            var characters = text.makeIterator()
            var pending = characters.next()
            while let character = pending {
                pending = characters.next()
                if isQuoted {
                    if character != "\"" {
                        field.append(character)
                    } else if pending == "\"" {
                        field.append(character)
                        pending = characters.next()
                    } else {
                        isQuoted = false
                    }
                } else if character == "\"", field.allSatisfy(\.isWhitespace), !wasQuoted {
                    field = ""
                    (isQuoted, wasQuoted) = (true, true)
                } else if character == separator {
                    fields.append(field)
                    (field, wasQuoted) = ("", false)
                } else {
                    field.append(character)
                }
            }
            guard isQuoted else { break }
            guard size <= longest, let more = try self.text() else {
                return .damaged(
                    KindredError(
                        .invalidData, "has a quotation mark that nothing closes",
                        at: .init(path: name, line: line)))
            }
            field.append("\n")
            text = Substring(more)
        }
        return .fields(fields + [field])
    }
}
