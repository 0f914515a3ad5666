#include "kindred_crc32c.h"

#include <string.h>

#include "dispatch.h"

// Bit by bit over a 16-entry table: four bits at a time, small enough to stay in a cache line or two.
static const uint32_t nibble_table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t kindred_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    crc = ~crc;
    for (size_t i = 0; i < count; i++) {
        crc ^= next[i];
        crc = (crc >> 4) ^ nibble_table[crc & 15];
        crc = (crc >> 4) ^ nibble_table[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
TARGET_SSE42 uint32_t kindred_crc32c_sse42(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    uint64_t state = ~crc;
    for (; count >= 8; count -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        state = _mm_crc32_u64(state, word);
    }
    uint32_t tail = (uint32_t)state;
    for (; count > 0; count--, next++) tail = _mm_crc32_u8(tail, *next);
    return ~tail;
}
#else
uint32_t kindred_crc32c_sse42(uint32_t crc, const void *bytes, size_t count) {
    return kindred_crc32c_portable(crc, bytes, count);
}
#endif

uint32_t kindred_crc32c(uint32_t crc, const void *bytes, size_t count) {
    DISPATCH(CRC32C_VARIANTS, kindred_crc32c, (crc, bytes, count))
}
