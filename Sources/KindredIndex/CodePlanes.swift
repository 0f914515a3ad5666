import KindredSystem

/// Coded vectors in memory or in a mapped file: rows of heads, which a walk over a graph reads, and rows of the rest.
/// `kindred_codes.h` has the bytes.
package final class CodePlanes: @unchecked Sendable {
    package let count: Int
    package let layout: CodeLayout

    let head: OwnedBytes
    /// Nil for planes of heads alone.
    let rest: OwnedBytes?
    /// The same rows, where they are in memory and may be written.
    let own: (head: AlignedBuffer<UInt8>, rest: AlignedBuffer<UInt8>?)?

    /// Whole blocks are read also where a run of codes ends within one.
    package static let readableBeyond = CodeLayout.bytesPerBlock

    /// Rows of zeros in memory, to be filled by `encode`.
    package init(count: Int, layout: CodeLayout, headsOnly: Bool = false) {
        precondition(count >= 0)
        self.count = count
        self.layout = layout
        let head = AlignedBuffer<UInt8>(repeating: 0, count: count * layout.headBytes)
        let rest =
            headsOnly
            ? nil : AlignedBuffer<UInt8>(repeating: 0, count: count * layout.restBytes + Self.readableBeyond)
        self.head = OwnedBytes(head)
        self.rest = rest.map { OwnedBytes($0) }
        own = (head, rest)
    }

    /// Rows in a file, at byte offsets that the caller took from a checked header: `readableBeyond` more bytes follow the
    /// rest.
    ///
    /// - Parameter resident: copy the rows into memory, in huge pages where the system has them.
    package init(
        file: MappedFile, head headStart: Int, rest restStart: Int, count: Int, layout: CodeLayout,
        resident: Bool
    ) {
        precondition(count > 0)
        self.count = count
        self.layout = layout
        let heads = headStart..<headStart + count * layout.headBytes
        let rests = restStart..<restStart + count * layout.restBytes + Self.readableBeyond
        head = OwnedBytes(file, heads, resident: resident)
        rest = OwnedBytes(file, rests, resident: resident)
        own = nil
    }

    package enum Part { case head, rest }

    /// A copy of the bytes of all rows' heads or rests; only for planes in memory.
    package func bytes(_ part: Part) -> [UInt8] {
        guard let own else { preconditionFailure("planes of a file are written already") }
        switch part {
        case .head: return own.head.bytes(0..<count * layout.headBytes)
        case .rest: return own.rest.map { $0.bytes(0..<count * layout.restBytes) } ?? []
        }
    }
}
