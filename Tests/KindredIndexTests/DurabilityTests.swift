import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import Synchronization
import SystemPackage
import Testing

@testable import KindredIndex

private let fingerprint = Fingerprint(bytes: [UInt8](repeating: 7, count: 32))!

@Suite struct DurabilityTests {
    /// Fails, tears or drops the n-th of the calls that make a file durable, and everything after it as a crash does.
    private final class Faults: Sendable {
        enum Kind: CaseIterable { case fail, tear, drop }

        private let calls = Atomic(0)
        let kind: Kind
        let failing: Int

        init(_ kind: Kind, at failing: Int) { (self.kind, self.failing) = (kind, failing) }

        var count: Int { calls.load(ordering: .relaxed) }

        private func isDue() -> Bool { calls.add(1, ordering: .relaxed).newValue == failing }

        var layer: FileLayer {
            let system = FileLayer.system
            return FileLayer(
                write: { descriptor, bytes in
                    guard self.isDue() else { return system.write(descriptor, bytes) }
                    switch self.kind {
                    case .fail:
                        errno = EIO
                        return -1
                    case .tear:
                        // A part is written, then the device is full.
                        _ = system.write(descriptor, bytes.extracting(first: bytes.byteCount / 2))
                        errno = ENOSPC
                        return -1
                    case .drop: return bytes.byteCount
                    }
                },
                sync: { descriptor in
                    guard self.isDue() else { return system.sync(descriptor) }
                    errno = EIO
                    return self.kind == .drop ? 0 : -1
                },
                rename: { from, to in
                    guard self.isDue() else { return system.rename(from, to) }
                    errno = EIO
                    return self.kind == .drop ? 0 : -1
                },
                syncDirectory: { descriptor in
                    guard self.isDue() else { return system.syncDirectory(descriptor) }
                    errno = EIO
                    return self.kind == .drop ? 0 : -1
                })
        }
    }

    @Test
    func
        `a write, sync or rename that fails, tears or is lost leaves the old file, the new one or a typed error`()
        throws
    {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("000001.hnsw")
        let old = unitVectors(300, dimensions: 24, seed: 1)
        let new = unitVectors(2000, dimensions: 24, seed: 2)
        func write(_ vectors: [[Float]], _ files: FileLayer = .system) throws {
            try SegmentWriter.write(
                vectors: Matrix(vectors), ids: (0..<Int64(vectors.count)).map { $0 },
                fingerprint: fingerprint, to: path,
                files: files)
        }
        let counting = Faults(.fail, at: .max)
        try write(new, counting.layer)
        #expect(counting.count >= 4)
        for kind in Faults.Kind.allCases {
            for call in 1...counting.count {
                try write(old)
                do {
                    try write(new, Faults(kind, at: call).layer)
                    #expect(kind == .drop)
                } catch let error as KindredError {
                    #expect(kind != .drop && [.inputOutput, .cannotCreate].contains(error.code))
                    #expect(error.location != nil)
                    let left = try FileManager.default.contentsOfDirectory(atPath: directory.path.string)
                    #expect(left == ["000001.hnsw"])
                }
                // What has the name is whole, or says that it is not.
                do {
                    let segment = try Segment(path: path)
                    try segment.verify()
                    #expect([300, 2000].contains(segment.count))
                } catch let error as KindredError {
                    #expect(kind == .drop && error.code == .invalidData, "\(error)")
                    #expect(error.location?.path == path.string && error.location?.byte != nil)
                }
            }
        }
    }

    /// What a crash can lose is what was not synced; so all of a file is synced before it has its name, and its name
    /// before anyone is told.
    @Test func `a file is synced after its last write, then renamed, then its directory is synced`() throws {
        enum Call: Equatable { case write, sync, rename, syncDirectory }
        let calls = Mutex<[Call]>([])
        let system = FileLayer.system
        let layer = FileLayer(
            write: { descriptor, bytes in
                calls.withLock { $0.append(.write) }
                return system.write(descriptor, bytes)
            },
            sync: { descriptor in
                calls.withLock { $0.append(.sync) }
                return system.sync(descriptor)
            },
            rename: { from, to in
                calls.withLock { $0.append(.rename) }
                return system.rename(from, to)
            },
            syncDirectory: { descriptor in
                calls.withLock { $0.append(.syncDirectory) }
                return system.syncDirectory(descriptor)
            })
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("000001.hnsw")
        let data = unitVectors(2000, dimensions: 24, seed: 2)
        func expectOrder() {
            let made = calls.withLock { calls in
                defer { calls = [] }
                return calls
            }
            #expect(made.drop { $0 == .write } == [.sync, .rename, .syncDirectory] && made.count > 3)
        }
        try SegmentWriter.write(
            vectors: Matrix(data), ids: (0..<2000).map(Int64.init), fingerprint: fingerprint, to: path,
            files: layer)
        expectOrder()
        let merged = directory.path.appending("000002.hnsw")
        try SegmentWriter.merge(
            [Segment(path: path)], dropping: { $0 < 100 }, to: merged, files: layer)
        expectOrder()
        try SegmentWriter.rebuildLinks(of: Segment(path: merged), files: layer)
        expectOrder()
    }
}
