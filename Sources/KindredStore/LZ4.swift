/// LZ4 blocks (github.com/lz4/lz4, doc/lz4_Block_format.md): no frame, the size is kept beside the block.
package enum LZ4 {
    /// More than any article has; a size above it in a file is taken for damage, not allocated.
    package static let maximumSize = 1 << 28
}
