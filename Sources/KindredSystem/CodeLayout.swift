import CKindredKernels

/// How vectors are coded: groups of dimensions with 4, 8 or 12 bits each, the most significant 4 bits of the first group
/// apart from the rest. `kindred_codes.h` has the bytes.
package struct CodeLayout: Hashable, Sendable {
    package struct Group: Hashable, Sendable {
        package let dimensions: Int
        /// 4-bit planes of a dimension, 1 to 3.
        package let nibbles: Int
        /// What a step of the code stands for, against the other groups'.
        package let unit: Float

        package init(dimensions: Int, nibbles: Int, unit: Float) {
            self.dimensions = dimensions
            self.nibbles = nibbles
            self.unit = unit
        }

        /// The middle of the codes, which stands for 0.
        var centre: Double { Double((1 << (4 * nibbles)) - 1) / 2 }
        var packedBytes: Int { (dimensions + 1) / 2 }
        var blocks: Int { (dimensions + CodeLayout.dimensionsPerBlock - 1) / CodeLayout.dimensionsPerBlock }
    }

    package static let bytesPerBlock = 64
    package static let dimensionsPerBlock = 128
    package static let maximumGroups = 3

    package let groups: [Group]
    /// Whether a number is added to each similarity, as Euclidean distance needs it.
    package let hasBias: Bool
    package let dimensions: Int
    package let headBlocks: Int

    /// - Parameter groups: 1 to 3, each of at least one dimension.
    package init(groups: [Group], hasBias: Bool) {
        precondition((1...Self.maximumGroups).contains(groups.count))
        precondition(
            groups.allSatisfy { $0.dimensions > 0 && (1...3).contains($0.nibbles) && $0.unit > 0 })
        self.groups = groups
        self.hasBias = hasBias
        dimensions = groups.reduce(0) { $0 + $1.dimensions }
        headBlocks = Self.headBlocks(dimensions: groups[0].dimensions, hasBias: hasBias)
    }

    /// The blocks that a head of so many dimensions takes.
    package static func headBlocks(dimensions: Int, hasBias: Bool) -> Int {
        (dimensions + reservedDimensions(hasBias: hasBias) + dimensionsPerBlock - 1) / dimensionsPerBlock
    }

    /// The most dimensions that fit a head of so many blocks: the rest of its bytes hold the factor and the bias.
    package static func headDimensions(blocks: Int, hasBias: Bool) -> Int {
        blocks * dimensionsPerBlock - reservedDimensions(hasBias: hasBias)
    }

    private static func reservedDimensions(hasBias: Bool) -> Int { hasBias ? 16 : 8 }

    package var headDimensions: Int { groups[0].dimensions }
    package var headBytes: Int { headBlocks * Self.bytesPerBlock }
    /// Bytes of a row of the rest.
    package var restBytes: Int {
        groups.enumerated().reduce(4) {
            $0 + $1.element.packedBytes * ($1.element.nibbles - ($1.offset == 0 ? 1 : 0))
        }
    }

    /// The layout as the kernels take it.
    var kernelLayout: kindred_code_layout {
        var layout = kindred_code_layout()
        func group(_ index: Int) -> kindred_code_group {
            guard index < groups.count else { return kindred_code_group() }
            let group = groups[index]
            return kindred_code_group(
                dimensions: group.dimensions, nibbles: Int32(group.nibbles), unit: group.unit)
        }
        layout.groups = (group(0), group(1), group(2))
        layout.group_count = Int32(groups.count)
        layout.has_bias = hasBias ? 1 : 0
        layout.head_blocks = headBlocks
        layout.rest_stride = restBytes
        return layout
    }

    /// Where the planes of a group lie in a row: the head's, or bytes into the rest, most significant first.
    enum Plane {
        case head
        case rest(offset: Int)
    }

    func planes(ofGroup index: Int) -> [(plane: Plane, nibble: Int)] {
        var offset = 0
        for (number, group) in groups[..<index].enumerated() {
            offset += group.packedBytes * (group.nibbles - (number == 0 ? 1 : 0))
        }
        let group = groups[index]
        return (0..<group.nibbles).reversed().map { nibble in
            if index == 0 && nibble == group.nibbles - 1 { return (.head, nibble) }
            defer { offset += group.packedBytes }
            return (.rest(offset: offset), nibble)
        }
    }
}
