#include "kindred_pages.h"

#include <sqlite3.h>
#include <string.h>

#include "CKindredKernels.h"

enum { CHECKED = KINDRED_PAGE_SIZE - KINDRED_PAGE_RESERVED };

/// A file of this VFS; the default VFS's own file follows it.
typedef struct {
    sqlite3_file base;
} page_file;

static sqlite3_vfs *below;
static sqlite3_vfs pages_vfs;

static sqlite3_file *inner(sqlite3_file *file) { return (sqlite3_file *)((page_file *)file + 1); }

static void checksum(const uint8_t *page, uint32_t number, uint8_t out[KINDRED_PAGE_RESERVED]) {
    uint8_t place[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16), (uint8_t)(number >> 24)};
    uint32_t crc = kindred_crc32c(kindred_crc32c(0, place, sizeof place), page, CHECKED);
    for (int byte = 0; byte < KINDRED_PAGE_RESERVED; byte++) out[byte] = (uint8_t)(crc >> 8 * byte);
}

int kindred_page_is_sound(const void *page, uint32_t number) {
    uint8_t right[KINDRED_PAGE_RESERVED];
    checksum(page, number, right);
    return memcmp(right, (const uint8_t *)page + CHECKED, sizeof right) == 0;
}

/// Whole pages only: SQLite also reads the first 100 bytes, and the change counter in them, which it takes from the
/// first page again before it relies on them.
static int is_page(int count, sqlite3_int64 offset) { return count == KINDRED_PAGE_SIZE && offset % KINDRED_PAGE_SIZE == 0; }

static uint32_t page_number(sqlite3_int64 offset) { return (uint32_t)(offset / KINDRED_PAGE_SIZE + 1); }

static int pages_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    int status = inner(file)->pMethods->xRead(inner(file), bytes, count, offset);
    // SQLite would take zeros for what is behind the end; a page that it asks for was there.
    if (status == SQLITE_IOERR_SHORT_READ && is_page(count, offset)) return SQLITE_IOERR_DATA;
    if (status != SQLITE_OK) return status;
    if (is_page(count, offset)) return kindred_page_is_sound(bytes, page_number(offset)) ? SQLITE_OK : SQLITE_IOERR_DATA;
    // Pages of another size: the header's field is damaged.
    return count >= 512 ? SQLITE_IOERR_DATA : SQLITE_OK;
}

static int pages_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    // Into SQLite's own copy of the page, as its cksumvfs does: a journal must hold the checksum that the file holds.
    if (is_page(count, offset)) checksum(bytes, page_number(offset), (uint8_t *)bytes + CHECKED);
    return inner(file)->pMethods->xWrite(inner(file), bytes, count, offset);
}

static int pages_close(sqlite3_file *file) { return inner(file)->pMethods->xClose(inner(file)); }

static int pages_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return inner(file)->pMethods->xTruncate(inner(file), size);
}

static int pages_sync(sqlite3_file *file, int flags) { return inner(file)->pMethods->xSync(inner(file), flags); }

static int pages_size(sqlite3_file *file, sqlite3_int64 *size) {
    return inner(file)->pMethods->xFileSize(inner(file), size);
}

static int pages_lock(sqlite3_file *file, int lock) { return inner(file)->pMethods->xLock(inner(file), lock); }

static int pages_unlock(sqlite3_file *file, int lock) { return inner(file)->pMethods->xUnlock(inner(file), lock); }

static int pages_check_reserved(sqlite3_file *file, int *result) {
    return inner(file)->pMethods->xCheckReservedLock(inner(file), result);
}

static int pages_control(sqlite3_file *file, int operation, void *argument) {
    return inner(file)->pMethods->xFileControl(inner(file), operation, argument);
}

static int pages_sector(sqlite3_file *file) { return inner(file)->pMethods->xSectorSize(inner(file)); }

static int pages_characteristics(sqlite3_file *file) {
    return inner(file)->pMethods->xDeviceCharacteristics(inner(file));
}

// Version 1: without shared memory, and so without a write-ahead log, and without memory-mapping.
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = pages_close,
    .xRead = pages_read,
    .xWrite = pages_write,
    .xTruncate = pages_truncate,
    .xSync = pages_sync,
    .xFileSize = pages_size,
    .xLock = pages_lock,
    .xUnlock = pages_unlock,
    .xCheckReservedLock = pages_check_reserved,
    .xFileControl = pages_control,
    .xSectorSize = pages_sector,
    .xDeviceCharacteristics = pages_characteristics,
};

static int pages_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs;
    // Journals and temporary files are the default VFS's own.
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return below->xOpen(below, name, file, flags, out_flags);
    file->pMethods = NULL;
    int status = below->xOpen(below, name, inner(file), flags, out_flags);
    if (status == SQLITE_OK) file->pMethods = &methods;
    return status;
}

int kindred_pages_register(void) {
    // Names are URIs, which Debian's SQLite takes anyway; refused where SQLite is in use already.
    sqlite3_config(SQLITE_CONFIG_URI, 1);
    below = sqlite3_vfs_find(NULL);
    if (below == NULL) return SQLITE_ERROR;
    // All but opening is the default VFS's.
    pages_vfs = *below;
    pages_vfs.pNext = NULL;
    pages_vfs.zName = KINDRED_PAGES_VFS;
    pages_vfs.szOsFile = (int)sizeof(page_file) + below->szOsFile;
    pages_vfs.xOpen = pages_open;
    return sqlite3_vfs_register(&pages_vfs, 0);
}

int kindred_pages_reserve(sqlite3 *database) {
    int count = KINDRED_PAGE_RESERVED;
    return sqlite3_file_control(database, "main", SQLITE_FCNTL_RESERVE_BYTES, &count);
}
