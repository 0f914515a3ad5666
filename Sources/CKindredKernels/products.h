// Integer products that codes.c, graph.c and neighbors.c share, one body for each instruction set. Not part of the
// module's interface.
#ifndef KINDRED_PRODUCTS_H
#define KINDRED_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Sums of floats come out the same on every instruction set only where nothing is contracted.
#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))
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
INLINE void unpack_head(uint8_t *out, const uint8_t *head, ptrdiff_t blocks, ptrdiff_t dimensions,
                        int32_t weight) {
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

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

AVX2 INLINE int32_t sum_of_lanes_avx2(__m256i x) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

AVX2 INLINE void nibble_products_avx2(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks,
                                      const int8_t *query, const uint32_t *rows, ptrdiff_t count) {
    const __m256i low_half = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = plane + (ptrdiff_t)rows[i] * stride;
        __m256i sum = _mm256_setzero_si256();
        for (ptrdiff_t block = 0; block < blocks; block++) {
            for (int half = 0; half < 2; half++) {
                const int8_t *q = query + block * 2 * BLOCK + half * 32;
                __m256i codes = _mm256_loadu_si256((const __m256i *)(row + block * BLOCK + half * 32));
                __m256i low = _mm256_and_si256(codes, low_half);
                __m256i high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), low_half);
                __m256i a = _mm256_maddubs_epi16(low, _mm256_loadu_si256((const __m256i *)q));
                __m256i b = _mm256_maddubs_epi16(high, _mm256_loadu_si256((const __m256i *)(q + BLOCK)));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, ones));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(b, ones));
            }
        }
        out[i] = sum_of_lanes_avx2(sum);
    }
}

AVX2 INLINE void row_products_avx2(int32_t *out, const uint8_t *a, ptrdiff_t width, const uint8_t *b,
                                   const uint32_t *rows, ptrdiff_t count) {
    const __m256i centre = _mm256_set1_epi8(CENTRE), ones = _mm256_set1_epi16(1);
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = b + (ptrdiff_t)rows[i] * width;
        __m256i sum = _mm256_setzero_si256();
        for (ptrdiff_t k = 0; k < width; k += 32) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(a + k));
            __m256i y = _mm256_sub_epi8(_mm256_loadu_si256((const __m256i *)(row + k)), centre);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(x, y), ones));
        }
        out[i] = sum_of_lanes_avx2(sum);
    }
}

AVX2 INLINE void gram_products_avx2(int32_t *out, const uint8_t *a, ptrdiff_t count, ptrdiff_t width, const int8_t *b,
                                    ptrdiff_t padded) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (ptrdiff_t i = 0; i < count; i++) {
        for (ptrdiff_t j = 0; j < padded; j += 16) {
            __m256i left = _mm256_setzero_si256(), right = _mm256_setzero_si256();
            for (ptrdiff_t k = 0; k < width; k += 4) {
                int32_t four;
                memcpy(&four, a + i * width + k, 4);
                const __m256i *columns = (const __m256i *)(b + k * padded + 4 * j);
                __m256i x = _mm256_set1_epi32(four);
                left = _mm256_add_epi32(
                    left, _mm256_madd_epi16(_mm256_maddubs_epi16(x, _mm256_loadu_si256(columns)), ones));
                right = _mm256_add_epi32(
                    right, _mm256_madd_epi16(_mm256_maddubs_epi16(x, _mm256_loadu_si256(columns + 1)), ones));
            }
            _mm256_storeu_si256((__m256i *)(out + i * padded + j), left);
            _mm256_storeu_si256((__m256i *)(out + i * padded + j + 8), right);
        }
    }
}

// The sums of the lanes of four registers.
VNNI INLINE __m128i sums_of_four(const __m512i *x) {
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(x[0], x[1]), _mm512_unpackhi_epi32(x[0], x[1]));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(x[2], x[3]), _mm512_unpackhi_epi32(x[2], x[3]));
    __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

VNNI INLINE void store_four(int32_t *out, __m128i four, ptrdiff_t count) {
    if (count >= 4) {
        _mm_storeu_si128((__m128i *)out, four);
    } else {
        _mm_mask_storeu_epi32(out, (__mmask8)((1u << count) - 1), four);
    }
}

// Four rows share the query's registers and the sums over lanes.
VNNI INLINE void nibble_products_vnni(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks,
                                      const int8_t *query, const uint32_t *rows, ptrdiff_t count) {
    const __m512i low_half = _mm512_set1_epi8(15);
    for (ptrdiff_t i = 0; i < count; i += 4) {
        const uint8_t *row[4];
        __m512i sum[4];
        for (int j = 0; j < 4; j++) {
            row[j] = plane + (ptrdiff_t)rows[i + j < count ? i + j : i] * stride;
            sum[j] = _mm512_setzero_si512();
        }
        for (ptrdiff_t block = 0; block < blocks; block++) {
            __m512i a = _mm512_loadu_si512(query + block * 2 * BLOCK);
            __m512i b = _mm512_loadu_si512(query + block * 2 * BLOCK + BLOCK);
            for (int j = 0; j < 4; j++) {
                __m512i codes = _mm512_loadu_si512(row[j] + block * BLOCK);
                sum[j] = _mm512_dpbusd_epi32(sum[j], _mm512_and_si512(codes, low_half), a);
                sum[j] = _mm512_dpbusd_epi32(sum[j], _mm512_and_si512(_mm512_srli_epi16(codes, 4), low_half), b);
            }
        }
        store_four(out + i, sums_of_four(sum), count - i);
    }
}

VNNI INLINE void row_products_vnni(int32_t *out, const uint8_t *a, ptrdiff_t width, const uint8_t *b,
                                   const uint32_t *rows, ptrdiff_t count) {
    const __m512i centre = _mm512_set1_epi8(CENTRE);
    for (ptrdiff_t i = 0; i < count; i += 4) {
        const uint8_t *row[4];
        __m512i sum[4];
        for (int j = 0; j < 4; j++) {
            row[j] = b + (ptrdiff_t)rows[i + j < count ? i + j : i] * width;
            sum[j] = _mm512_setzero_si512();
        }
        for (ptrdiff_t k = 0; k < width; k += 64) {
            __m512i x = _mm512_loadu_si512(a + k);
            for (int j = 0; j < 4; j++) {
                sum[j] = _mm512_dpbusd_epi32(sum[j], x, _mm512_sub_epi8(_mm512_loadu_si512(row[j] + k), centre));
            }
        }
        store_four(out + i, sums_of_four(sum), count - i);
    }
}

VNNI INLINE void gram_products_vnni(int32_t *out, const uint8_t *a, ptrdiff_t count, ptrdiff_t width, const int8_t *b,
                                    ptrdiff_t padded) {
    for (ptrdiff_t j = 0; j < padded; j += 64) {
        const int columns = padded - j >= 64 ? 4 : (int)((padded - j) / 16);
        for (ptrdiff_t i = 0; i < count; i += 4) {
            const uint8_t *row[4];
            __m512i sum[4][4];
            for (int x = 0; x < 4; x++) {
                row[x] = a + (i + x < count ? i + x : i) * width;
                for (int y = 0; y < 4; y++) sum[x][y] = _mm512_setzero_si512();
            }
            if (columns == 4) {
                for (ptrdiff_t k = 0; k < width; k += 4) {
                    const int8_t *from = b + k * padded + 4 * j;
                    __m512i column[4];
                    for (int y = 0; y < 4; y++) column[y] = _mm512_loadu_si512(from + 64 * y);
                    for (int x = 0; x < 4; x++) {
                        int32_t four;
                        memcpy(&four, row[x] + k, 4);
                        __m512i all = _mm512_set1_epi32(four);
                        for (int y = 0; y < 4; y++) sum[x][y] = _mm512_dpbusd_epi32(sum[x][y], all, column[y]);
                    }
                }
            } else {
                for (ptrdiff_t k = 0; k < width; k += 4) {
                    const int8_t *from = b + k * padded + 4 * j;
                    for (int x = 0; x < 4; x++) {
                        int32_t four;
                        memcpy(&four, row[x] + k, 4);
                        for (int y = 0; y < columns; y++) {
                            sum[x][y] = _mm512_dpbusd_epi32(
                                sum[x][y], _mm512_set1_epi32(four), _mm512_loadu_si512(from + 64 * y));
                        }
                    }
                }
            }
            for (int x = 0; x < 4 && i + x < count; x++) {
                for (int y = 0; y < columns; y++) {
                    _mm512_storeu_si512(out + (i + x) * padded + j + 16 * y, sum[x][y]);
                }
            }
        }
    }
}
#endif

#if defined(__ARM_NEON)
#include <arm_neon.h>

INLINE void nibble_products_neon(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks,
                                 const int8_t *query, const uint32_t *rows, ptrdiff_t count) {
    const uint8x16_t low_half = vdupq_n_u8(15);
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = plane + (ptrdiff_t)rows[i] * stride;
        int32x4_t sum = vdupq_n_s32(0);
        for (ptrdiff_t block = 0; block < blocks; block++) {
            for (int part = 0; part < BLOCK; part += 16) {
                const int8_t *q = query + block * 2 * BLOCK + part;
                uint8x16_t codes = vld1q_u8(row + block * BLOCK + part);
                int8x16_t low = vreinterpretq_s8_u8(vandq_u8(codes, low_half));
                int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(codes, 4));
                int8x16_t a = vld1q_s8(q), b = vld1q_s8(q + BLOCK);
                int16x8_t products = vmull_s8(vget_low_s8(low), vget_low_s8(a));
                products = vmlal_s8(products, vget_high_s8(low), vget_high_s8(a));
                products = vmlal_s8(products, vget_low_s8(high), vget_low_s8(b));
                products = vmlal_s8(products, vget_high_s8(high), vget_high_s8(b));
                sum = vpadalq_s16(sum, products);
            }
        }
        out[i] = vaddvq_s32(sum);
    }
}

INLINE void row_products_neon(int32_t *out, const uint8_t *a, ptrdiff_t width, const uint8_t *b, const uint32_t *rows,
                              ptrdiff_t count) {
    const int8x16_t centre = vdupq_n_s8(CENTRE);
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = b + (ptrdiff_t)rows[i] * width;
        int32x4_t sum = vdupq_n_s32(0);
        for (ptrdiff_t k = 0; k < width; k += 16) {
            int8x16_t x = vreinterpretq_s8_u8(vld1q_u8(a + k));
            int8x16_t y = vsubq_s8(vreinterpretq_s8_u8(vld1q_u8(row + k)), centre);
            int16x8_t products = vmull_s8(vget_low_s8(x), vget_low_s8(y));
            sum = vpadalq_s16(sum, vmlal_s8(products, vget_high_s8(x), vget_high_s8(y)));
        }
        out[i] = vaddvq_s32(sum);
    }
}

INLINE void gram_products_neon(int32_t *out, const uint8_t *a, ptrdiff_t count, ptrdiff_t width, const int8_t *b,
                               ptrdiff_t padded) {
    for (ptrdiff_t i = 0; i < count; i++) {
        for (ptrdiff_t j = 0; j < padded; j += 4) {
            int32x4_t sum = vdupq_n_s32(0);
            for (ptrdiff_t k = 0; k < width; k += 4) {
                uint32_t four;
                memcpy(&four, a + i * width + k, 4);
                int8x16_t x = vreinterpretq_s8_u32(vdupq_n_u32(four)), y = vld1q_s8(b + k * padded + 4 * j);
                int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(y));
                int16x8_t high = vmull_s8(vget_high_s8(x), vget_high_s8(y));
                sum = vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
            }
            vst1q_s32(out + i * padded + j, sum);
        }
    }
}
#endif

// Defines SUFFIX's variants of a kernel: TARGET PROTOTYPE(_suffix) { BODY_CALL(suffix) }. On other processors the
// portable body stands in.
#if defined(__x86_64__)
#define IF_X86(X86, PORTABLE) X86
#else
#define IF_X86(X86, PORTABLE) PORTABLE
#define AVX2
#define VNNI
#endif
#if defined(__ARM_NEON)
#define IF_NEON(NEON, PORTABLE) NEON
#else
#define IF_NEON(NEON, PORTABLE) PORTABLE
#endif

#endif
