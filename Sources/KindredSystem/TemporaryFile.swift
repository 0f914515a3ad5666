import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Files that are written before they get their names.
enum TemporaryFile {
    private static let mark = ".kindred-"
    private static let suffix = ".tmp"
    private static let randomDigits = 16

    /// Makes a file beside `target` whose name is new, and locks it for as long as it is open. Removes those that killed
    /// writers of the same name left: their locks are gone.
    ///
    /// - Parameter old: the file that is replaced, whose mode and owner the new one gets.
    /// - Throws: `cannotCreate`, `inputOutput`.
    static func make(for target: FilePath, like old: stat?) throws -> (path: FilePath, descriptor: CInt) {
        let directory = target.removingLastComponent()
        let name = target.lastComponent?.string ?? ""
        // A name may have 255 bytes.
        let prefix = (name.utf8.count > 200 ? "output" : name) + mark
        sweep(directory, prefix: prefix)
        while true {
            let digits = String(UInt64.random(in: .min ... .max), radix: 16)
            let padding = String(repeating: "0", count: randomDigits - digits.count)
            let path = directory.appending(prefix + padding + digits + suffix)
            let descriptor = systemOpen(
                path.string, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode: 0o644)
            guard descriptor >= 0 else {
                if errno == EEXIST || errno == EINTR { continue }
                throw KindredError.systemCall("create", path: target, errno: errno, creating: true)
            }
            // Where locks are not to be had, nothing is swept either.
            _ = flock(descriptor, LOCK_EX | LOCK_NB)
            Interrupts.removeOnExit(path.string)
            if let old {
                _ = fchown(descriptor, old.st_uid, old.st_gid)
                _ = fchmod(descriptor, old.st_mode & 0o7777)
            }
            return (path, descriptor)
        }
    }

    /// Removes a file that will not get its name.
    static func remove(_ path: FilePath) {
        systemUnlink(path.string)
        forget()
    }

    /// A signal removes it no longer.
    static func forget() { Interrupts.removeOnExit(nil) }

    /// Whether a file of this name is one of ours, and with this prefix where one is given.
    static func isOurs(_ name: String, prefix: String? = nil) -> Bool {
        guard let match = name.wholeMatch(of: /(.+\.kindred-)[0-9a-f]{16}\.tmp/) else { return false }
        return prefix.map { $0 == match.1 } ?? true
    }

    private static func sweep(_ directory: FilePath, prefix: String) {
        let names = (try? (directory.isEmpty ? "." : directory).entries()) ?? []
        for name in names {
            guard isOurs(name, prefix: prefix) else { continue }
            let path = directory.appending(name).string
            let descriptor = systemOpen(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { systemUnlink(path) }
            close(descriptor)
        }
    }
}
