import CKindredKernels
import KindredSystem

/// The links of a graph's nodes, a fixed number of places for each, in memory or in a mapped file.
package final class LinkRows: @unchecked Sendable {
    package let count: Int
    /// Places of a node.
    package let width: Int
    /// 3 or 4.
    package let idBytes: Int

    let bytes: OwnedBytes
    /// The same lists, where they are in memory and may be written.
    private let own: AlignedBuffer<UInt32>?

    package static let maximumWidth = Int(KINDRED_MOST_LINKS)
    /// A place without a link; it ends a list.
    package static let none: UInt32 = 0xFFFF_FFFF

    /// Bytes of an id, given the number of nodes.
    package static func idBytes(count: Int) -> Int { count < 0xFF_FFFF ? 3 : 4 }

    /// Empty lists in memory, of 4-byte ids.
    package init(count: Int, width: Int) {
        precondition(count >= 0 && (1...Self.maximumWidth).contains(width))
        self.count = count
        self.width = width
        idBytes = 4
        let buffer = AlignedBuffer<UInt32>(repeating: Self.none, count: count * width)
        own = buffer
        bytes = OwnedBytes(buffer)
    }

    /// Lists in a file, at a byte offset that the caller took from a checked header; one more byte follows them.
    ///
    /// - Parameter resident: copy them into memory, in huge pages where the system has them.
    package init(file: MappedFile, at start: Int, count: Int, width: Int, idBytes: Int, resident: Bool) {
        precondition(count > 0 && (1...Self.maximumWidth).contains(width) && (idBytes == 3 || idBytes == 4))
        self.count = count
        self.width = width
        self.idBytes = idBytes
        own = nil
        bytes = OwnedBytes(
            file, start..<start + count * width * idBytes + 1, resident: resident)
    }

    /// Puts the links of a node into `list`.
    package func links(of node: Int, into list: inout [UInt32]) {
        list.removeAll(keepingCapacity: true)
        for place in 0..<width {
            let id = link(node, place)
            if id == Self.none { return }
            list.append(id)
        }
    }

    /// Sets the links of a node, at most `width`. Only in memory; different threads may set different nodes.
    package func set(_ links: some Collection<UInt32>, of node: Int) {
        guard let own else { preconditionFailure("links of a file are read-only") }
        precondition(links.count <= width)
        for place in 0..<width { own[node * width + place] = Self.none }
        for (place, link) in links.enumerated() { own[node * width + place] = link }
    }
}
