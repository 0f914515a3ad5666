// CRC-32C (Castagnoli), the checksum of iSCSI (RFC 3720, appendix B.4), reflected, initial and final
// value inverted: the nine bytes "123456789" give 0xE3069283.
#ifndef KINDRED_CRC32C_H
#define KINDRED_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/// The checksum of `count` bytes that follow bytes whose checksum is `crc` (0 at the start).
/// `bytes` needs no alignment and may be NULL where `count` is 0.
uint32_t kindred_crc32c(uint32_t crc, const void *bytes, size_t count);

// Variants (kindred_features.h): by a table, and by the processor's instruction.
__typeof__(kindred_crc32c) kindred_crc32c_portable, kindred_crc32c_sse42;

#endif
