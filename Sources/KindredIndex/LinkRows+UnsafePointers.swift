extension LinkRows {
    /// The link at a place, or `none`. What a damaged file holds beyond the count is none too.
    package func link(_ node: Int, _ place: Int) -> UInt32 {
        precondition(node >= 0 && node < count && place >= 0 && place < width)
        let start = unsafe UnsafeRawPointer(bytes.start + (node * width + place) * idBytes)
        let id =
            unsafe start.loadUnaligned(as: UInt32.self).littleEndian
            & (idBytes == 3 ? 0xFF_FFFF : 0xFFFF_FFFF)
        return id < UInt32(count) ? id : Self.none
    }
}
