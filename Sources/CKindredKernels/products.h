// Integer products that codes.c, graph.c and neighbors.c share, one body for each instruction set. Not part of the
// module's interface.
#ifndef KINDRED_PRODUCTS_H
#define KINDRED_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dispatch.h"

// Sums of floats come out the same on every instruction set only where nothing is contracted.
#pragma STDC FP_CONTRACT OFF

enum { BLOCK = 64, CENTRE = 60 };

// out[i] = sum over dimensions of the nibbles of row rows[i] * query; see kindred_codes.h.
typedef void nibble_products(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks,
                             const int8_t *query, const uint32_t *rows, ptrdiff_t count);
// out[i] = sum over `width` bytes of a * (row i of b - 60), rows of b being `rows[i] * width` bytes behind it.
typedef void row_products(int32_t *out, const uint8_t *a, ptrdiff_t width, const uint8_t *b, const uint32_t *rows,
                          ptrdiff_t count);
// out[i * padded + j] = sum over `width` bytes of row i of a * column j of b. b holds, for each four bytes of the
// width, those of every column: byte (k / 4 * padded + j) * 4 + k % 4. padded is a multiple of 16.
typedef void gram_products(int32_t *out, const uint8_t *a, ptrdiff_t count, ptrdiff_t width, const int8_t *b,
                           ptrdiff_t padded);

// Dimensions in the low halves of the block of a packed run that starts at dimension `start`.
INLINE ptrdiff_t block_half(ptrdiff_t dimensions, ptrdiff_t start) {
    ptrdiff_t left = dimensions - start;
    return left >= 2 * BLOCK ? BLOCK : (left + 1) / 2;
}

// See kindred_unpack_head.
INLINE void unpack_head(uint8_t *out, const uint8_t *head, ptrdiff_t blocks, ptrdiff_t dimensions, int32_t weight) {
    for (ptrdiff_t block = 0; block < blocks; block++) {
        const ptrdiff_t left = dimensions - block * 2 * BLOCK;
        const ptrdiff_t half = left <= 0 ? 0 : block_half(dimensions, block * 2 * BLOCK);
        const ptrdiff_t high = left <= 0 ? 0 : left - half < half ? left - half : half;
        const uint8_t *from = head + block * BLOCK;
        uint8_t *to = out + block * 2 * BLOCK;
        for (ptrdiff_t j = 0; j < BLOCK; j++) {
            // At most 15 * 64 + 8 before the shift.
            const int16_t low = (int16_t)((int16_t)(2 * (from[j] & 15) - 15) * (int16_t)weight + 8);
            const int16_t high = (int16_t)((int16_t)(2 * (from[j] >> 4) - 15) * (int16_t)weight + 8);
            to[j] = (uint8_t)(CENTRE + (low >> 4));
            to[BLOCK + j] = (uint8_t)(CENTRE + (high >> 4));
        }
        if (half < BLOCK) memset(to + half, CENTRE, (size_t)(BLOCK - half));
        if (high < BLOCK) memset(to + BLOCK + high, CENTRE, (size_t)(BLOCK - high));
    }
}

INLINE void nibble_products_portable(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks,
                                     const int8_t *query, const uint32_t *rows, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = plane + (ptrdiff_t)rows[i] * stride;
        int32_t sum = 0;
        for (ptrdiff_t block = 0; block < blocks; block++) {
            const uint8_t *codes = row + block * BLOCK;
            const int8_t *q = query + block * 2 * BLOCK;
            for (int j = 0; j < BLOCK; j++) sum += (codes[j] & 15) * q[j] + (codes[j] >> 4) * q[BLOCK + j];
        }
        out[i] = sum;
    }
}

INLINE void row_products_portable(int32_t *out, const uint8_t *a, ptrdiff_t width, const uint8_t *b,
                                  const uint32_t *rows, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = b + (ptrdiff_t)rows[i] * width;
        int32_t sum = 0;
        for (ptrdiff_t k = 0; k < width; k++) sum += a[k] * ((int32_t)row[k] - CENTRE);
        out[i] = sum;
    }
}

INLINE void gram_products_portable(int32_t *out, const uint8_t *a, ptrdiff_t count, ptrdiff_t width, const int8_t *b,
                                   ptrdiff_t padded) {
    for (ptrdiff_t i = 0; i < count; i++) {
        int32_t *sums = out + i * padded;
        memset(sums, 0, (size_t)padded * sizeof *sums);
        for (ptrdiff_t k = 0; k < width; k += 4) {
            const uint8_t *four = a + i * width + k;
            const int8_t *columns = b + k * padded;
            for (ptrdiff_t j = 0; j < padded; j++) {
                const int8_t *c = columns + 4 * j;
                sums[j] += four[0] * c[0] + four[1] * c[1] + four[2] * c[2] + four[3] * c[3];
            }
        }
    }
}

// A routine for each suffix of CODE_VARIANTS; on other processors the portable one.
#if defined(__x86_64__)
#include "products_x86.h"
#else
#define nibble_products_avx2 nibble_products_portable
#define row_products_avx2 row_products_portable
#define gram_products_avx2 gram_products_portable
#define nibble_products_avx512_vnni nibble_products_portable
#define row_products_avx512_vnni row_products_portable
#define gram_products_avx512_vnni gram_products_portable
#endif
#if defined(__ARM_NEON)
#include "products_neon.h"
#else
#define nibble_products_neon nibble_products_portable
#define row_products_neon row_products_portable
#define gram_products_neon gram_products_portable
#endif

#endif
