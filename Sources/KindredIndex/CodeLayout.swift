import CKindredKernels

/// How vectors are coded: groups of dimensions with 4, 8 or 12 bits each, the most significant 4 bits of the first groups
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
    package static let maximumGroups = 4

    package let groups: [Group]
    /// The first so many groups have their most significant bits in the head.
    package let headGroups: Int
    /// Whether a number is added to each similarity, as Euclidean distance needs it.
    package let hasBias: Bool
    package let dimensions: Int
    package let headBlocks: Int

    /// - Parameters:
    ///   - groups: 1 to 4, each of at least one dimension.
    ///   - headGroups: 1 or 2; the first of two fills whole blocks.
    package init(groups: [Group], headGroups: Int = 1, hasBias: Bool) {
        precondition((1...Self.maximumGroups).contains(groups.count))
        precondition((1...min(2, groups.count)).contains(headGroups))
        precondition(
            groups.allSatisfy { $0.dimensions > 0 && (1...3).contains($0.nibbles) && $0.unit > 0 })
        precondition(groups[..<(headGroups - 1)].allSatisfy { $0.dimensions % Self.dimensionsPerBlock == 0 })
        self.groups = groups
        self.headGroups = headGroups
        self.hasBias = hasBias
        dimensions = groups.reduce(0) { $0 + $1.dimensions }
        headBlocks = Self.headBlocks(
            dimensions: groups[..<headGroups].reduce(0) { $0 + $1.dimensions }, hasBias: hasBias)
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

    /// What the most significant bits of a group of the head stand for, against the first group's.
    func headWeight(_ group: Int) -> Float {
        func step(_ group: Group) -> Float { group.unit * Float(1 << (4 * (group.nibbles - 1))) }
        return step(groups[group]) / step(groups[0])
    }

    /// Where a group of the head starts, in blocks.
    func headStart(_ group: Int) -> Int { groups[..<group].reduce(0) { $0 + $1.blocks } }

    package var headBytes: Int { headBlocks * Self.bytesPerBlock }
    /// Bytes of a row of the rest.
    package var restBytes: Int {
        groups.enumerated().reduce(4) {
            $0 + $1.element.packedBytes * ($1.element.nibbles - ($1.offset < headGroups ? 1 : 0))
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
        layout.groups = (group(0), group(1), group(2), group(3))
        layout.group_count = Int32(groups.count)
        layout.head_groups = Int32(headGroups)
        layout.has_bias = hasBias ? 1 : 0
        layout.head_blocks = headBlocks
        layout.rest_stride = restBytes
        return layout
    }

    /// Where the planes of a group lie: bytes into the row's head or rest, most significant first.
    enum Plane {
        case head(offset: Int)
        case rest(offset: Int)
    }

    func planes(ofGroup index: Int) -> [(plane: Plane, nibble: Int)] {
        var offset = 0
        for (number, group) in groups[..<index].enumerated() {
            offset += group.packedBytes * (group.nibbles - (number < headGroups ? 1 : 0))
        }
        let group = groups[index]
        return (0..<group.nibbles).reversed().map { nibble in
            if index < headGroups && nibble == group.nibbles - 1 {
                return (.head(offset: headStart(index) * Self.bytesPerBlock), nibble)
            }
            defer { offset += group.packedBytes }
            return (.rest(offset: offset), nibble)
        }
    }
}
