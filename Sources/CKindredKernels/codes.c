#include "kindred_codes.h"

#include "kindred_features.h"

enum { BLOCK = 64 };

void kindred_code_products_portable(int32_t *out, const uint8_t *plane, ptrdiff_t blocks, const int8_t *query,
                                    const uint32_t *rows, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = plane + (ptrdiff_t)rows[i] * blocks * BLOCK;
        int32_t sum = 0;
        for (ptrdiff_t block = 0; block < blocks; block++) {
            const uint8_t *codes = row + block * BLOCK;
            const int8_t *q = query + block * 2 * BLOCK;
            for (int j = 0; j < BLOCK; j++) sum += (codes[j] & 15) * q[j] + (codes[j] >> 4) * q[BLOCK + j];
        }
        out[i] = sum;
    }
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) void kindred_code_products_avx2(int32_t *out, const uint8_t *plane, ptrdiff_t blocks,
                                                                const int8_t *query, const uint32_t *rows,
                                                                ptrdiff_t count) {
    const __m256i low_half = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = plane + (ptrdiff_t)rows[i] * blocks * BLOCK;
        if (i + 1 < count) _mm_prefetch((const char *)(plane + (ptrdiff_t)rows[i + 1] * blocks * BLOCK), _MM_HINT_T0);
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
        __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1));
        out[i] = _mm_cvtsi128_si32(four);
    }
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) void kindred_code_products_avx512_vnni(
    int32_t *out, const uint8_t *plane, ptrdiff_t blocks, const int8_t *query, const uint32_t *rows, ptrdiff_t count) {
    const __m512i low_half = _mm512_set1_epi8(15);
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = plane + (ptrdiff_t)rows[i] * blocks * BLOCK;
        // Rows lie at random: the lines of a later one are asked for while this one is worked on.
        if (i + 2 < count) {
            const char *later = (const char *)(plane + (ptrdiff_t)rows[i + 2] * blocks * BLOCK);
            for (ptrdiff_t block = 0; block < blocks; block++) _mm_prefetch(later + block * BLOCK, _MM_HINT_T0);
        }
        __m512i a = _mm512_setzero_si512(), b = _mm512_setzero_si512();
        for (ptrdiff_t block = 0; block < blocks; block++) {
            const int8_t *q = query + block * 2 * BLOCK;
            __m512i codes = _mm512_loadu_si512(row + block * BLOCK);
            __m512i low = _mm512_and_si512(codes, low_half);
            __m512i high = _mm512_and_si512(_mm512_srli_epi16(codes, 4), low_half);
            a = _mm512_dpbusd_epi32(a, low, _mm512_loadu_si512(q));
            b = _mm512_dpbusd_epi32(b, high, _mm512_loadu_si512(q + BLOCK));
        }
        out[i] = _mm512_reduce_add_epi32(_mm512_add_epi32(a, b));
    }
}
#else
void kindred_code_products_avx2(int32_t *out, const uint8_t *plane, ptrdiff_t blocks, const int8_t *query,
                                const uint32_t *rows, ptrdiff_t count) {
    kindred_code_products_portable(out, plane, blocks, query, rows, count);
}

void kindred_code_products_avx512_vnni(int32_t *out, const uint8_t *plane, ptrdiff_t blocks, const int8_t *query,
                                       const uint32_t *rows, ptrdiff_t count) {
    kindred_code_products_portable(out, plane, blocks, query, rows, count);
}
#endif

#if defined(__ARM_NEON)
#include <arm_neon.h>

void kindred_code_products_neon(int32_t *out, const uint8_t *plane, ptrdiff_t blocks, const int8_t *query,
                                const uint32_t *rows, ptrdiff_t count) {
    const uint8x16_t low_half = vdupq_n_u8(15);
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = plane + (ptrdiff_t)rows[i] * blocks * BLOCK;
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
#else
void kindred_code_products_neon(int32_t *out, const uint8_t *plane, ptrdiff_t blocks, const int8_t *query,
                                const uint32_t *rows, ptrdiff_t count) {
    kindred_code_products_portable(out, plane, blocks, query, rows, count);
}
#endif

void kindred_code_products(int32_t *out, const uint8_t *plane, ptrdiff_t blocks, const int8_t *query,
                           const uint32_t *rows, ptrdiff_t count) {
    uint32_t features = kindred_features();
    if (features & KINDRED_AVX512_VNNI) return kindred_code_products_avx512_vnni(out, plane, blocks, query, rows, count);
    if (features & KINDRED_AVX2) return kindred_code_products_avx2(out, plane, blocks, query, rows, count);
    if (features & KINDRED_NEON) return kindred_code_products_neon(out, plane, blocks, query, rows, count);
    kindred_code_products_portable(out, plane, blocks, query, rows, count);
}
