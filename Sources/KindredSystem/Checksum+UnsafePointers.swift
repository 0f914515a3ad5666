import CKindredKernels

extension CRC32C {
    package mutating func update(_ bytes: RawSpan) {
        value = unsafe bytes.withUnsafeBytes { [value] in
            unsafe kindred_crc32c(value, $0.baseAddress, $0.count)
        }
    }
}
