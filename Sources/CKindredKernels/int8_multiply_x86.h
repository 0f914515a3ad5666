// The products of int8_multiply.c with AVX2, AVX-VNNI and AVX512_VNNI. Included there alone.
#ifndef KINDRED_INT8_MULTIPLY_X86_H
#define KINDRED_INT8_MULTIPLY_X86_H

#include "int8.h"

// A tile is compiled for each number of rows, so that its sums stay in registers.
#define EACH_TILE(TILE)                                                                                                \
    for (ptrdiff_t row = 0; row < rows; row += TILE_ROWS) switch (rows - row) {                                        \
        case 1: TILE(1); break;                                                                                        \
        case 2: TILE(2); break;                                                                                        \
        case 3: TILE(3); break;                                                                                        \
        case 4: TILE(4); break;                                                                                        \
        case 5: TILE(5); break;                                                                                        \
        default: TILE(TILE_ROWS);                                                                                      \
        }

// The first `width` of eight lanes.
TARGET_AVX2 INLINE __m256i first_lanes(ptrdiff_t width) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(width < 8 ? (int)width : 8), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

TARGET_AVX2 INLINE void finish_eight(float *y, __m256i sum, float row_scale, __m256 column_scales, __m256i mask,
                                     int adding) {
    __m256 scale = _mm256_mul_ps(_mm256_set1_ps(row_scale), column_scales);
    __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale);
    if (adding) value = _mm256_add_ps(_mm256_maskload_ps(y, mask), value);
    _mm256_maskstore_ps(y, mask, value);
}

// Rows of 16-bit numbers: AVX2 has no sum of products of bytes that cannot saturate, and where the bytes' signs are
// moved to one factor (vpsignb, vpmaddubsw, vpmaddwd, vpaddd) 32 products take as many instructions as in 16 bits
// (twice vpmaddwd, vpaddd), of which one more needs a multiplier's port.
// 6 rows x 8 columns, in the order of the inner dimension's groups: sums of the first and the last two of each four.
TARGET_AVX2 INLINE void tile_avx2(float *out, ptrdiff_t out_stride, const int16_t *a, ptrdiff_t stride,
                                  const float *row_scales, const int16_t *wide, __m256 column_scales, __m256i mask,
                                  int adding, const int rows) {
    __m256i low[TILE_ROWS], high[TILE_ROWS];
    for (int row = 0; row < rows; row++) low[row] = high[row] = _mm256_setzero_si256();
    for (ptrdiff_t i = 0; i < stride; i += GROUP) {
        __m256i left = _mm256_loadu_si256((const __m256i *)(wide + i * 8));
        __m256i right = _mm256_loadu_si256((const __m256i *)(wide + i * 8 + 16));
        for (int row = 0; row < rows; row++) {
            int64_t four;
            memcpy(&four, a + row * stride + i, sizeof four);
            __m256i x = _mm256_set1_epi64x(four);
            low[row] = _mm256_add_epi32(low[row], _mm256_madd_epi16(x, left));
            high[row] = _mm256_add_epi32(high[row], _mm256_madd_epi16(x, right));
        }
    }
    for (int row = 0; row < rows; row++) {
        __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(low[row], high[row]), 0xD8);
        finish_eight(out + row * out_stride, sum, row_scales[row], column_scales, mask, adding);
    }
}

TARGET_AVX2 INLINE void multiply_avx2(float *out, ptrdiff_t out_stride, const uint8_t *a, const float *row_scales,
                                      const int8_t *packed, const float *column_scales, const int32_t *sums,
                                      ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, int adding, int16_t *work) {
    (void)sums;
    ptrdiff_t stride = kindred_int8_stride(inner);
    const int16_t *x = (const int16_t *)(const void *)a;
    for (ptrdiff_t first = 0; first < columns; first += 8) {
        const int8_t *panel = packed + packed_offset(first, stride);
        for (ptrdiff_t i = 0; i < stride; i += GROUP) {
            const __m128i *b = (const __m128i *)(panel + i * PANEL);
            _mm256_storeu_si256((__m256i *)(work + i * 8), _mm256_cvtepi8_epi16(_mm_loadu_si128(b)));
            _mm256_storeu_si256((__m256i *)(work + i * 8 + 16), _mm256_cvtepi8_epi16(_mm_loadu_si128(b + 1)));
        }
        __m256i mask = first_lanes(columns - first);
        __m256 scales = _mm256_maskload_ps(column_scales + first, mask);
#define TILE(ROWS)                                                                                                     \
    tile_avx2(out + row * out_stride + first, out_stride, x + row * stride, stride, row_scales + row, work, scales,    \
              mask, adding, ROWS)
        EACH_TILE(TILE)
#undef TILE
    }
}

// 6 rows x 16 columns: 12 sums, 2 registers of the packed factor.
TARGET_AVX_VNNI INLINE void tile_avx_vnni(float *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t stride,
                                          const float *row_scales, const int8_t *panel, const float *column_scales,
                                          const int32_t *column_sums, ptrdiff_t width, int adding, const int rows) {
    __m256i sums[TILE_ROWS][2];
    for (int row = 0; row < rows; row++) sums[row][0] = sums[row][1] = _mm256_setzero_si256();
    for (ptrdiff_t i = 0; i < stride; i += GROUP) {
        __m256i left = _mm256_loadu_si256((const __m256i *)(panel + i * PANEL));
        __m256i right = _mm256_loadu_si256((const __m256i *)(panel + i * PANEL + 32));
        for (int row = 0; row < rows; row++) {
            int32_t four;
            memcpy(&four, a + row * stride + i, sizeof four);
            __m256i x = _mm256_set1_epi32(four);
            sums[row][0] = _mm256_dpbusd_avx_epi32(sums[row][0], x, left);
            sums[row][1] = _mm256_dpbusd_avx_epi32(sums[row][1], x, right);
        }
    }
    for (int part = 0; part < 2 && part * 8 < width; part++) {
        __m256i mask = first_lanes(width - part * 8);
        __m256i correction = _mm256_slli_epi32(_mm256_maskload_epi32(column_sums + part * 8, mask), 7);
        __m256 scales = _mm256_maskload_ps(column_scales + part * 8, mask);
        for (int row = 0; row < rows; row++)
            finish_eight(out + row * out_stride + part * 8, _mm256_sub_epi32(sums[row][part], correction),
                         row_scales[row], scales, mask, adding);
    }
}

TARGET_AVX_VNNI INLINE void multiply_avx_vnni(float *out, ptrdiff_t out_stride, const uint8_t *a,
                                              const float *row_scales, const int8_t *packed, const float *column_scales,
                                              const int32_t *sums, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner,
                                              int adding, int16_t *work) {
    (void)work;
    ptrdiff_t stride = kindred_int8_stride(inner);
    for (ptrdiff_t left = 0; left < columns; left += PANEL) {
        const int8_t *panel = packed + left * stride;
#define TILE(ROWS)                                                                                                     \
    tile_avx_vnni(out + row * out_stride + left, out_stride, a + row * stride, stride, row_scales + row, panel,        \
                  column_scales + left, sums + left, columns - left, adding, ROWS)
        EACH_TILE(TILE)
#undef TILE
    }
}

// 6 rows x 4 panels: 24 sums, 4 registers of the packed factor, and the left factor's bytes broadcast from memory.
TARGET_AVX512_VNNI INLINE void tile_avx512_vnni(float *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t stride,
                                                const float *row_scales, const int8_t *panels,
                                                const float *column_scales, const int32_t *column_sums, ptrdiff_t width,
                                                int adding, const int rows) {
    __m512i sums[TILE_ROWS][4];
    for (int row = 0; row < rows; row++)
        for (int part = 0; part < 4; part++) sums[row][part] = _mm512_setzero_si512();
    for (ptrdiff_t i = 0; i < stride; i += GROUP) {
        __m512i b[4];
        for (int part = 0; part < 4; part++) b[part] = _mm512_loadu_si512(panels + (part * stride + i) * PANEL);
        for (int row = 0; row < rows; row++) {
            int32_t four;
            memcpy(&four, a + row * stride + i, sizeof four);
            __m512i x = _mm512_set1_epi32(four);
            for (int part = 0; part < 4; part++) sums[row][part] = _mm512_dpbusd_epi32(sums[row][part], x, b[part]);
        }
    }
    for (int part = 0; part < 4; part++) {
        ptrdiff_t left = width - part * 16;
        if (left <= 0) break;
        __mmask16 mask = left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1);
        __m512i correction = _mm512_slli_epi32(_mm512_maskz_loadu_epi32(mask, column_sums + part * 16), 7);
        __m512 scales = _mm512_maskz_loadu_ps(mask, column_scales + part * 16);
        for (int row = 0; row < rows; row++) {
            float *y = out + row * out_stride + part * 16;
            __m512 scale = _mm512_mul_ps(_mm512_set1_ps(row_scales[row]), scales);
            __m512 value = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[row][part], correction));
            value = _mm512_mul_ps(value, scale);
            if (adding) value = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, y), value);
            _mm512_mask_storeu_ps(y, mask, value);
        }
    }
}

TARGET_AVX512_VNNI INLINE void multiply_avx512_vnni(float *out, ptrdiff_t out_stride, const uint8_t *a,
                                                    const float *row_scales, const int8_t *packed,
                                                    const float *column_scales, const int32_t *sums, ptrdiff_t rows,
                                                    ptrdiff_t columns, ptrdiff_t inner, int adding, int16_t *work) {
    (void)work;
    ptrdiff_t stride = kindred_int8_stride(inner);
    for (ptrdiff_t left = 0; left < columns; left += 4 * PANEL) {
        const int8_t *panels = packed + left * stride;
#define TILE(ROWS)                                                                                                     \
    tile_avx512_vnni(out + row * out_stride + left, out_stride, a + row * stride, stride, row_scales + row, panels,    \
                     column_scales + left, sums + left, columns - left, adding, ROWS)
        EACH_TILE(TILE)
#undef TILE
    }
}

#endif
