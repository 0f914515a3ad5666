import CPageChecksums
import GRDB

extension CatalogConnections {
    /// Has a new database leave room for the checksums.
    static func reserve(in database: Database) throws {
        guard let connection = unsafe database.sqliteConnection else { return }
        let code = unsafe kindred_pages_reserve(connection)
        if code != 0 { throw DatabaseError(resultCode: .init(rawValue: code)) }
    }
}

extension Catalog {
    /// Whether the checksum of a page is right.
    ///
    /// - Parameters:
    ///   - page: `KINDRED_PAGE_SIZE` bytes.
    ///   - number: from 1.
    static func isSound(_ page: [UInt8], number: Int) -> Bool {
        precondition(page.count == KINDRED_PAGE_SIZE)
        return unsafe kindred_page_is_sound(page, UInt32(number)) != 0
    }
}
