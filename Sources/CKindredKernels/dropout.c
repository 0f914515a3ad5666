#include "kindred_gradients.h"
#include "lanes.h"

// The high and the low half of a 32 x 32 bit product.
INLINE void multiply_wide(uint32_t a, uint32_t b, uint32_t *high, uint32_t *low) {
    uint64_t product = (uint64_t)a * b;
    *high = (uint32_t)(product >> 32);
    *low = (uint32_t)product;
}

// 16 Philox blocks, one a lane: 128 numbers of 16 bits. Number 16 s + lane is half s & 1 of word s / 2.
INLINE void philox(uint32_t words[4][LANES], uint32_t block, uint32_t row, uint64_t site, uint64_t key) {
    for (int lane = 0; lane < LANES; lane++) {
        uint32_t c0 = block + (uint32_t)lane, c1 = row, c2 = (uint32_t)site, c3 = (uint32_t)(site >> 32);
        uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
        for (int round = 0; round < 10; round++) {
            uint32_t high0, low0, high1, low1;
            multiply_wide(0xD2511F53u, c0, &high0, &low0);
            multiply_wide(0xCD9E8D57u, c2, &high1, &low1);
            c0 = high1 ^ c1 ^ k0;
            c1 = low1;
            c2 = high0 ^ c3 ^ k1;
            c3 = low0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        words[0][lane] = c0;
        words[1][lane] = c1;
        words[2][lane] = c2;
        words[3][lane] = c3;
    }
}

INLINE void dropout_body(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                         ptrdiff_t columns, uint32_t threshold, uint64_t key, uint64_t site, uint32_t first_row,
                         int adding) {
    float scale = 65536.0f / (65536.0f - (float)threshold);
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *x = in + row * in_stride;
        float *y = out + row * out_stride;
        for (ptrdiff_t start = 0; start < columns; start += 8 * LANES) {
            uint32_t words[4][LANES];
            philox(words, (uint32_t)(start / 8), first_row + (uint32_t)row, site, key);
            float factors[8 * LANES];
            for (int slot = 0; slot < 8; slot++)
                for (int lane = 0; lane < LANES; lane++) {
                    uint32_t number = slot & 1 ? words[slot / 2][lane] >> 16 : words[slot / 2][lane] & 0xFFFF;
                    factors[slot * LANES + lane] = number >= threshold ? scale : 0.0f;
                }
            ptrdiff_t left = columns - start;
            if (left > 8 * LANES) left = 8 * LANES;
            if (adding) {
                INDEPENDENT
                for (ptrdiff_t i = 0; i < left; i++) y[start + i] += x[start + i] * factors[i];
            } else {
                INDEPENDENT
                for (ptrdiff_t i = 0; i < left; i++) y[start + i] = x[start + i] * factors[i];
            }
        }
    }
}

#define DEFINE(SUFFIX, TARGET, ...)                                                                                    \
    TARGET void kindred_dropout##SUFFIX(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride,        \
                                        ptrdiff_t rows, ptrdiff_t columns, uint32_t threshold, uint64_t key,           \
                                        uint64_t site, uint32_t first_row, int adding) {                               \
        dropout_body(out, out_stride, in, in_stride, rows, columns, threshold, key, site, first_row, adding);          \
    }

DEFINE(_portable, )
FLOAT_VARIANTS(DEFINE)

void kindred_dropout(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                     ptrdiff_t columns, uint32_t threshold, uint64_t key, uint64_t site, uint32_t first_row,
                     int adding) {
    DISPATCH(FLOAT_VARIANTS, kindred_dropout,
             (out, out_stride, in, in_stride, rows, columns, threshold, key, site, first_row, adding))
}
