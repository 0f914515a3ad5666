extension XMLByteFilter {
    /// The end of the run of bytes from `position` on that need no look of their own: most of ASCII, and whole characters
    /// of two or three bytes, but for those beside surrogates, noncharacters and overlong forms.
    func plainRun(_ position: Int) -> Int {
        let isPlain = Self.isPlain
        return unsafe held.withUnsafeBufferPointer { bytes in
            var end = position
            while end < bytes.count {
                let byte = unsafe bytes[end]
                if isPlain[Int(byte)] {
                    end += 1
                } else if isUTF8, end + 1 < bytes.count, unsafe bytes[end + 1] & 0xC0 == 0x80,
                    (0xC2...0xDF).contains(byte)
                {
                    end += 2
                } else if isUTF8, end + 2 < bytes.count, unsafe bytes[end + 1] & 0xC0 == 0x80,
                    unsafe bytes[end + 2] & 0xC0 == 0x80,
                    (0xE1...0xEC).contains(byte) || byte == 0xEE
                {
                    end += 3
                } else {
                    return end
                }
            }
            return end
        }
    }
}
