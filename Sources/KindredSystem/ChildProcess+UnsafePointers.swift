#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `posix_spawn(3)`: starts a program whose standard output is a pipe, whose input is empty, and whose messages are lost.
///
/// It gets a process group of its own, so that Ctrl-C in the terminal reaches this process alone, which then ends it.
/// - Returns: the process and the end of the pipe to read from; nil where it fails, and `errno` says why.
func systemSpawn(_ program: String, _ arguments: [String]) -> (process: pid_t, output: CInt)? {
    var ends: [CInt] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }

    #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
    #else
        var actions = unsafe posix_spawn_file_actions_t()
    #endif
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    guard let process = unsafe start(program, arguments, &actions, ownGroup: true) else {
        close(ends[0])
        return nil
    }
    return (process, ends[0])
}

/// `posix_spawn(3)`: runs a program in the terminal of this process, with its streams, and waits for its end.
/// - Returns: the exit status as `systemWait` gives it; nil where the program cannot be started, and `errno` says why.
func systemRun(_ program: String, _ arguments: [String]) -> CInt? {
    start(program, arguments, nil, ownGroup: false).map(systemWait)
}

#if canImport(Darwin)
    private typealias FileActions = posix_spawn_file_actions_t?
#else
    private typealias FileActions = posix_spawn_file_actions_t
#endif

/// Starts a program. Signals that this process holds or ignores end it.
///
/// - Parameter ownGroup: whether Ctrl-C in the terminal reaches this process alone.
/// - Returns: nil where it fails, and `errno` says why.
private func start(
    _ program: String, _ arguments: [String], _ actions: UnsafePointer<FileActions>?, ownGroup: Bool
) -> pid_t? {
    #if canImport(Darwin)
        var attributes: posix_spawnattr_t?
    #else
        var attributes = posix_spawnattr_t()
    #endif
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGINT, SIGTERM, SIGPIPE] { unsafe sigaddset(&signals, signal) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    var flags = CInt(POSIX_SPAWN_SETSIGDEF) | CInt(POSIX_SPAWN_SETSIGMASK)
    if ownGroup {
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        flags |= CInt(POSIX_SPAWN_SETPGROUP)
    }
    unsafe posix_spawnattr_setflags(&attributes, CShort(flags))

    var words: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) }
    unsafe words.append(nil)
    var process: pid_t = 0
    let failure = unsafe posix_spawn(&process, program, actions, &attributes, words, environ)
    for index in unsafe words.indices { unsafe free(words[index]) }
    guard failure == 0 else {
        errno = failure
        return nil
    }
    return process
}

/// `access(2)`: whether a program may be run.
func systemMayRun(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

/// `waitpid(2)`, again while a signal interrupts it.
/// - Returns: the exit status, 128 and its number for a signal, 255 where there is no such process.
func systemWait(_ process: pid_t) -> CInt {
    var status: CInt = 0
    while true {
        let result = unsafe waitpid(process, &status, 0)
        if result == process { break }
        if result < 0, errno != EINTR { return 255 }
    }
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
}
