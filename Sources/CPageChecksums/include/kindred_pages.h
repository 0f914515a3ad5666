// A checksum in every page of a SQLite database, through SQLite's own means: a VFS (sqlite.org/vfs.html) over the default
// one, and bytes that SQLite leaves free at the end of each page ("reserved space", sqlite.org/fileformat.html §1.3.4).
#ifndef KINDRED_PAGES_H
#define KINDRED_PAGES_H

#include <stddef.h>
#include <stdint.h>

/// What `sqlite3_open_v2` calls the VFS: "file:PATH?vfs=kindred-pages".
#define KINDRED_PAGES_VFS "kindred-pages"

/// Bytes of a page.
#define KINDRED_PAGE_SIZE 4096
/// The last bytes of a page: CRC-32C of its number, counted from 1, and of the bytes before; both little-endian.
#define KINDRED_PAGE_RESERVED 4

struct sqlite3;

/// Registers the VFS, once for the process. 0, or SQLite's error.
///
/// A main database opened through it has pages of KINDRED_PAGE_SIZE bytes. A page that is written gets its checksum; one
/// whose checksum is wrong cannot be read (SQLITE_IOERR_DATA). Such a database cannot be memory-mapped and has no
/// write-ahead log: the log is copied into the database by whichever process closes it, also one without this VFS.
/// A rollback journal holds pages as they were, with their checksums.
int kindred_pages_register(void);

/// Has a database in which nothing was written yet leave room for the checksums. 0, or SQLite's error.
int kindred_pages_reserve(struct sqlite3 *database);

/// Whether the checksum of page `number`, counted from 1, is right. `page` has KINDRED_PAGE_SIZE bytes.
int kindred_page_is_sound(const void *page, uint32_t number);

#endif
