// The integer products of products.h with AVX2 and with AVX512_VNNI. Included there alone.
#ifndef KINDRED_PRODUCTS_X86_H
#define KINDRED_PRODUCTS_X86_H

TARGET_AVX2 INLINE int32_t sum_of_lanes_avx2(__m256i x) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

TARGET_AVX2 INLINE void nibble_products_avx2(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks,
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

TARGET_AVX2 INLINE void row_products_avx2(int32_t *out, const uint8_t *a, ptrdiff_t width, const uint8_t *b,
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

TARGET_AVX2 INLINE void gram_products_avx2(int32_t *out, const uint8_t *a, ptrdiff_t count, ptrdiff_t width,
                                           const int8_t *b, ptrdiff_t padded) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (ptrdiff_t i = 0; i < count; i++) {
        for (ptrdiff_t j = 0; j < padded; j += 16) {
            __m256i left = _mm256_setzero_si256(), right = _mm256_setzero_si256();
            for (ptrdiff_t k = 0; k < width; k += 4) {
                int32_t four;
                memcpy(&four, a + i * width + k, 4);
                const __m256i *columns = (const __m256i *)(b + k * padded + 4 * j);
                __m256i x = _mm256_set1_epi32(four);
                left = _mm256_add_epi32(left,
                                        _mm256_madd_epi16(_mm256_maddubs_epi16(x, _mm256_loadu_si256(columns)), ones));
                right = _mm256_add_epi32(
                    right, _mm256_madd_epi16(_mm256_maddubs_epi16(x, _mm256_loadu_si256(columns + 1)), ones));
            }
            _mm256_storeu_si256((__m256i *)(out + i * padded + j), left);
            _mm256_storeu_si256((__m256i *)(out + i * padded + j + 8), right);
        }
    }
}

// The sums of the lanes of four registers.
TARGET_AVX512_VNNI INLINE __m128i sums_of_four(const __m512i *x) {
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(x[0], x[1]), _mm512_unpackhi_epi32(x[0], x[1]));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(x[2], x[3]), _mm512_unpackhi_epi32(x[2], x[3]));
    __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

TARGET_AVX512_VNNI INLINE void store_four(int32_t *out, __m128i four, ptrdiff_t count) {
    if (count >= 4) {
        _mm_storeu_si128((__m128i *)out, four);
    } else {
        _mm_mask_storeu_epi32(out, (__mmask8)((1u << count) - 1), four);
    }
}

// Four rows share the query's registers and the sums over lanes.
TARGET_AVX512_VNNI INLINE void nibble_products_avx512_vnni(int32_t *out, const uint8_t *plane, ptrdiff_t stride,
                                                           ptrdiff_t blocks, const int8_t *query, const uint32_t *rows,
                                                           ptrdiff_t count) {
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

TARGET_AVX512_VNNI INLINE void row_products_avx512_vnni(int32_t *out, const uint8_t *a, ptrdiff_t width,
                                                        const uint8_t *b, const uint32_t *rows, ptrdiff_t count) {
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

TARGET_AVX512_VNNI INLINE void gram_products_avx512_vnni(int32_t *out, const uint8_t *a, ptrdiff_t count,
                                                         ptrdiff_t width, const int8_t *b, ptrdiff_t padded) {
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
                            sum[x][y] = _mm512_dpbusd_epi32(sum[x][y], _mm512_set1_epi32(four),
                                                            _mm512_loadu_si512(from + 64 * y));
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
