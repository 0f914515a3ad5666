import CStemmer

/// One of Snowball's stemmers. It keeps its last stem, so it serves one thread.
@safe final class Stemmer {
    private let pointer: OpaquePointer

    /// - Parameter algorithm: a name of `sb_stemmer_list`.
    /// - Returns: nil where the library lacks the algorithm.
    init?(_ algorithm: String) {
        guard let pointer = unsafe sb_stemmer_new(algorithm, "UTF_8") else { return nil }
        unsafe self.pointer = pointer
    }

    deinit { unsafe sb_stemmer_delete(pointer) }

    /// The stem of a lower-case word.
    func stem(_ word: String) -> String {
        var word = word
        let stem = word.withUTF8 { bytes -> String? in
            guard let stem = unsafe sb_stemmer_stem(pointer, bytes.baseAddress, CInt(bytes.count)) else {
                return nil
            }
            let count = unsafe Int(sb_stemmer_length(pointer))
            return unsafe String(
                decoding: UnsafeBufferPointer(start: stem, count: count), as: UTF8.self)
        }
        return stem ?? word
    }
}
