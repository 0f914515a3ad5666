#include "kindred_bf16.h"

#include <string.h>

#include "lanes.h"

enum { PANEL = 64, TILE_ROWS = 6 };

INLINE uint16_t rounded(float value) {
    union {
        float value;
        uint32_t bits;
    } number = {value};
    uint32_t bits = number.bits;
    uint32_t nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0 : nearest);
}

INLINE float widened(uint16_t half) {
    union {
        uint32_t bits;
        float value;
    } number = {(uint32_t)half << 16};
    return number.value;
}

INLINE void rows_body(uint16_t *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                      ptrdiff_t columns) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        uint16_t *restrict y = out + row * out_stride;
        const float *restrict x = in + row * in_stride;
        INDEPENDENT
        for (ptrdiff_t column = 0; column < columns; column++) y[column] = rounded(x[column]);
        for (ptrdiff_t column = columns; column < out_stride; column++) y[column] = 0;
    }
}

// Blocks of 16 x 16 keep both sides in the nearest cache.
INLINE void transposed_body(uint16_t *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                            ptrdiff_t columns) {
    for (ptrdiff_t left = 0; left < columns; left += 16)
        for (ptrdiff_t top = 0; top < rows; top += 16) {
            ptrdiff_t right = left + 16 < columns ? left + 16 : columns;
            ptrdiff_t bottom = top + 16 < rows ? top + 16 : rows;
            for (ptrdiff_t column = left; column < right; column++)
                for (ptrdiff_t row = top; row < bottom; row++)
                    out[column * out_stride + row] = rounded(in[row * in_stride + column]);
        }
    for (ptrdiff_t column = 0; column < columns; column++)
        for (ptrdiff_t row = rows; row < out_stride; row++) out[column * out_stride + row] = 0;
}

INLINE void pack_body(uint16_t *out, const float *in, ptrdiff_t in_stride, ptrdiff_t columns, ptrdiff_t inner,
                      int transposed) {
    ptrdiff_t pairs = (inner + 1) / 2;
    for (ptrdiff_t left = 0; left < columns; left += PANEL) {
        uint16_t *panel = out + left * 2 * pairs;
        ptrdiff_t width = columns - left < PANEL ? columns - left : PANEL;
        for (ptrdiff_t pair = 0; pair < pairs; pair++) {
            uint16_t *restrict y = panel + pair * 2 * PANEL;
            int both = 2 * pair + 1 < inner;
            if (transposed) {
                const float *restrict first = in + 2 * pair * in_stride + left;
                const float *restrict second = first + (both ? in_stride : 0);
                for (ptrdiff_t j = 0; j < width; j++) {
                    y[2 * j] = rounded(first[j]);
                    y[2 * j + 1] = both ? rounded(second[j]) : 0;
                }
            } else {
                const float *restrict x = in + left * in_stride + 2 * pair;
                for (ptrdiff_t j = 0; j < width; j++) {
                    y[2 * j] = rounded(x[j * in_stride]);
                    y[2 * j + 1] = both ? rounded(x[j * in_stride + 1]) : 0;
                }
            }
            for (ptrdiff_t j = width; j < PANEL; j++) y[2 * j] = y[2 * j + 1] = 0;
        }
    }
}

INLINE void multiply_body(float *out, ptrdiff_t out_stride, const uint16_t *a, ptrdiff_t a_stride,
                          const uint16_t *packed, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, int adding) {
    ptrdiff_t pairs = (inner + 1) / 2;
    for (ptrdiff_t left = 0; left < columns; left += PANEL) {
        const uint16_t *panel = packed + left * 2 * pairs;
        ptrdiff_t width = columns - left < PANEL ? columns - left : PANEL;
        for (ptrdiff_t row = 0; row < rows; row++) {
            const uint16_t *x = a + row * a_stride;
            float sums[PANEL] = {0};
            for (ptrdiff_t pair = 0; pair < pairs; pair++) {
                const uint16_t *restrict b = panel + pair * 2 * PANEL;
                float first = widened(x[2 * pair]), second = widened(x[2 * pair + 1]);
                for (int j = 0; j < PANEL; j++) sums[j] += first * widened(b[2 * j]) + second * widened(b[2 * j + 1]);
            }
            float *y = out + row * out_stride + left;
            for (ptrdiff_t j = 0; j < width; j++) y[j] = adding ? y[j] + sums[j] : sums[j];
        }
    }
}

#if defined(__x86_64__)
// 6 rows x 64 columns: 24 sums, 4 registers of the packed factor, and the left factor's pairs broadcast from memory.
TARGET_AVX512_BF16 INLINE void tile(float *out, ptrdiff_t out_stride, const uint16_t *a, ptrdiff_t a_stride,
                                    const uint16_t *panel, ptrdiff_t pairs, ptrdiff_t width, int adding, const int rows,
                                    const int parts) {
    __m512 sums[TILE_ROWS][4];
    for (int row = 0; row < rows; row++)
        for (int part = 0; part < parts; part++) sums[row][part] = _mm512_setzero_ps();
    for (ptrdiff_t pair = 0; pair < pairs; pair++) {
        __m512bh b[4];
        for (int part = 0; part < parts; part++)
            b[part] = (__m512bh)_mm512_loadu_si512(panel + pair * 2 * PANEL + part * 32);
        for (int row = 0; row < rows; row++) {
            int32_t both;
            memcpy(&both, a + row * a_stride + 2 * pair, sizeof both);
            __m512bh x = (__m512bh)_mm512_set1_epi32(both);
            for (int part = 0; part < parts; part++) sums[row][part] = _mm512_dpbf16_ps(sums[row][part], x, b[part]);
        }
    }
    for (int row = 0; row < rows; row++)
        for (int part = 0; part < parts; part++) {
            ptrdiff_t left = width - part * 16;
            __mmask16 mask = left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1);
            float *y = out + row * out_stride + part * 16;
            __m512 sum = sums[row][part];
            if (adding) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, y));
            _mm512_mask_storeu_ps(y, mask, sum);
        }
}

TARGET_AVX512_BF16 INLINE void panel_of(float *out, ptrdiff_t out_stride, const uint16_t *a, ptrdiff_t a_stride,
                                        const uint16_t *panel, ptrdiff_t rows, ptrdiff_t pairs, ptrdiff_t width,
                                        int adding, const int parts) {
    ptrdiff_t row = 0;
    for (; row + TILE_ROWS <= rows; row += TILE_ROWS)
        tile(out + row * out_stride, out_stride, a + row * a_stride, a_stride, panel, pairs, width, adding, TILE_ROWS,
             parts);
    for (; row + 2 <= rows; row += 2)
        tile(out + row * out_stride, out_stride, a + row * a_stride, a_stride, panel, pairs, width, adding, 2, parts);
    if (row < rows)
        tile(out + row * out_stride, out_stride, a + row * a_stride, a_stride, panel, pairs, width, adding, 1, parts);
}

TARGET_AVX512_BF16 INLINE void multiply_body_avx512_bf16(float *out, ptrdiff_t out_stride, const uint16_t *a,
                                                         ptrdiff_t a_stride, const uint16_t *packed, ptrdiff_t rows,
                                                         ptrdiff_t columns, ptrdiff_t inner, int adding) {
    ptrdiff_t pairs = (inner + 1) / 2;
    for (ptrdiff_t left = 0; left < columns; left += PANEL) {
        const uint16_t *panel = packed + left * 2 * pairs;
        ptrdiff_t width = columns - left;
        float *y = out + left;
        // A narrow panel, such as a low-rank factor's, takes only the registers that it fills.
        if (width > 48) panel_of(y, out_stride, a, a_stride, panel, rows, pairs, width, adding, 4);
        else if (width > 32) panel_of(y, out_stride, a, a_stride, panel, rows, pairs, width, adding, 3);
        else if (width > 16) panel_of(y, out_stride, a, a_stride, panel, rows, pairs, width, adding, 2);
        else panel_of(y, out_stride, a, a_stride, panel, rows, pairs, width, adding, 1);
    }
}
#else
#define multiply_body_avx512_bf16 multiply_body
#endif
#define multiply_body_avx2 multiply_body
#define multiply_body_portable multiply_body

#define DEFINE(SUFFIX, TARGET, ...)                                                                                    \
    TARGET void kindred_bf16_rows##SUFFIX(uint16_t *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride,   \
                                          ptrdiff_t rows, ptrdiff_t columns) {                                         \
        rows_body(out, out_stride, in, in_stride, rows, columns);                                                      \
    }                                                                                                                  \
    TARGET void kindred_bf16_transposed##SUFFIX(uint16_t *out, ptrdiff_t out_stride, const float *in,                  \
                                                ptrdiff_t in_stride, ptrdiff_t rows, ptrdiff_t columns) {              \
        transposed_body(out, out_stride, in, in_stride, rows, columns);                                                \
    }                                                                                                                  \
    TARGET void kindred_bf16_pack##SUFFIX(uint16_t *out, const float *in, ptrdiff_t in_stride, ptrdiff_t columns,      \
                                          ptrdiff_t inner, int transposed) {                                           \
        pack_body(out, in, in_stride, columns, inner, transposed);                                                     \
    }                                                                                                                  \
    TARGET void kindred_bf16_multiply##SUFFIX(float *out, ptrdiff_t out_stride, const uint16_t *a, ptrdiff_t a_stride, \
                                              const uint16_t *packed, ptrdiff_t rows, ptrdiff_t columns,               \
                                              ptrdiff_t inner, int adding) {                                           \
        multiply_body##SUFFIX(out, out_stride, a, a_stride, packed, rows, columns, inner, adding);                     \
    }

DEFINE(_portable, )
BF16_VARIANTS(DEFINE)

void kindred_bf16_rows(uint16_t *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                       ptrdiff_t columns) {
    DISPATCH(BF16_VARIANTS, kindred_bf16_rows, (out, out_stride, in, in_stride, rows, columns))
}

void kindred_bf16_transposed(uint16_t *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                             ptrdiff_t columns) {
    DISPATCH(BF16_VARIANTS, kindred_bf16_transposed, (out, out_stride, in, in_stride, rows, columns))
}

void kindred_bf16_pack(uint16_t *out, const float *in, ptrdiff_t in_stride, ptrdiff_t columns, ptrdiff_t inner,
                       int transposed) {
    DISPATCH(BF16_VARIANTS, kindred_bf16_pack, (out, in, in_stride, columns, inner, transposed))
}

void kindred_bf16_multiply(float *out, ptrdiff_t out_stride, const uint16_t *a, ptrdiff_t a_stride,
                           const uint16_t *packed, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, int adding) {
    DISPATCH(BF16_VARIANTS, kindred_bf16_multiply, (out, out_stride, a, a_stride, packed, rows, columns, inner, adding))
}
