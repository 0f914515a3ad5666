import Foundation
import GRDB
import KindredSystem
import SystemPackage

extension Row {
    /// The value of a column. Throws where it is NULL or of another type, which only damage makes it.
    func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(_ column: Int) throws -> Value {
        try decode(atIndex: column)
    }
}

/// Kept as its hexadecimal digits.
extension Fingerprint: DatabaseValueConvertible {
    package var databaseValue: DatabaseValue { hex.databaseValue }

    package static func fromDatabaseValue(_ value: DatabaseValue) -> Fingerprint? {
        String.fromDatabaseValue(value).flatMap(Fingerprint.init(hex:))
    }
}

extension Catalog {
    /// Turns the errors of SQLite and GRDB into Kindred's.
    static func translating<Value>(_ path: FilePath, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw translated(error, at: .init(path: path.string))
        } catch is RowDecodingError, is DecodingError {
            throw KindredError(
                .invalidData, "holds a value that it cannot hold: it is damaged; \(whatToDo)",
                at: .init(path: path.string))
        }
    }

    private static let whatToDo = "see 'kindred verify', then index the dump again into another name"

    private static func translated(_ error: DatabaseError, at location: KindredError.Location) -> KindredError
    {
        func made(_ code: KindredError.Code, _ message: String) -> KindredError {
            KindredError(code, message, at: location)
        }
        switch (error.resultCode, error.extendedResultCode) {
        case (_, .SQLITE_IOERR_DATA):
            return made(.invalidData, "the checksum of a page is wrong: the file is damaged; \(whatToDo)")
        case (_, .SQLITE_IOERR_NOMEM), (.SQLITE_NOMEM, _):
            return made(.unavailable, "no memory for reading the catalogue; free some and run this again")
        case (.SQLITE_NOTADB, _), (.SQLITE_CORRUPT, _):
            return made(.invalidData, "is damaged or not a catalogue; \(whatToDo)")
        case (.SQLITE_FULL, _):
            return made(
                .inputOutput, "no space left on the device; free some and run the same command again")
        case (.SQLITE_BUSY, _), (.SQLITE_LOCKED, _):
            return made(.busy, "another process is writing; try again")
        case (.SQLITE_CANTOPEN, _):
            return made(
                .cannotCreate,
                "cannot be opened; check the path, its owner and the number of open files (ulimit -n)")
        case (_, .SQLITE_READONLY_ROLLBACK):
            return made(
                .inputOutput,
                "a commit was interrupted and must be undone before the catalogue is read; have its owner run 'kindred status'"
            )
        case (.SQLITE_READONLY, _):
            return made(.cannotCreate, "is read-only; check its owner and mode")
        case (.SQLITE_IOERR, _):
            // Also what a full disk gives where SQLite makes its files.
            return KindredError(
                .inputOutput,
                "cannot be read or written; check the disk and its free space, then run the same command again",
                at: location, cause: error)
        default:
            return KindredError(.inputOutput, "the catalogue failed", at: location, cause: error)
        }
    }
}
