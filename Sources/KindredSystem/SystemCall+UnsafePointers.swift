#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// System calls without their pointers, under names that methods called `open` or `write` do not hide. Where one fails,
// the result is -1 or nil, and `errno` says why.

/// `open(2)`
package func systemOpen(_ path: String, _ flags: CInt, mode: mode_t = 0) -> CInt {
    unsafe open(path, flags, mode)
}

/// `read(2)`: replaces `bytes` by at most `count` of the next ones.
func systemRead(_ descriptor: CInt, into bytes: inout [UInt8], upTo count: Int) -> Int {
    var result = 0
    bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        result = unsafe read(descriptor, buffer.baseAddress, count)
        initialized = max(0, result)
    }
    return result
}

/// `pread(2)` into bytes `range` of a buffer.
func systemRead<Element>(
    _ descriptor: CInt, at offset: Int, into buffer: AlignedBuffer<Element>, bytes range: Range<Int>
) -> Int {
    precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count * MemoryLayout<Element>.stride)
    return unsafe pread(
        descriptor, UnsafeMutableRawPointer(buffer.base) + range.lowerBound, range.count, off_t(offset))
}

/// `write(2)`
package func systemWrite(_ descriptor: CInt, _ bytes: RawSpan) -> Int {
    unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
}

/// `stat(2)`
package func systemStatus(_ path: String) -> stat? {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? status : nil
}

/// `fstat(2)`
func systemStatus(_ descriptor: CInt) -> stat? {
    var status = stat()
    return unsafe fstat(descriptor, &status) == 0 ? status : nil
}

/// `lstat(2)`
func systemLinkStatus(_ path: String) -> stat? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status : nil
}

/// `readlink(2)`
func systemLinkTarget(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let length = unsafe readlink(path, &buffer, Int(PATH_MAX))
    guard length > 0 else { return nil }
    return String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// `rename(2)`
package func systemRename(_ from: String, _ to: String) -> CInt { unsafe rename(from, to) }

/// `unlink(2)`
@discardableResult
func systemUnlink(_ path: String) -> CInt { unsafe unlink(path) }

/// `mkdir(2)`
func systemMakeDirectory(_ path: String, mode: mode_t) -> CInt { unsafe mkdir(path, mode) }

/// The names in a directory but `.` and `..`, by `readdir(3)`, in no order.
func systemEntries(_ path: String) -> [String]? {
    guard let directory = unsafe opendir(path) else { return nil }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

/// `getenv(3)`
package func systemEnvironment(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

/// `strerror(3)`
package func systemMessage(_ number: CInt) -> String { unsafe String(cString: strerror(number)) }
