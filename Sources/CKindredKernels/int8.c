#include "kindred_int8.h"

#include <string.h>

#include "kindred_features.h"
#include "lanes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__ARM_NEON)
#include <arm_neon.h>
#endif

enum { PANEL = 64, GROUP = 4, TILE_ROWS = 6, OFFSET = 128 };

// A row's largest magnitude, or not a number where an element is not finite.
BODY float magnitude(const float *x, ptrdiff_t columns) {
    float lanes[LANES] = {0}, zeros[LANES] = {0};
    ptrdiff_t column = 0;
    for (; column + LANES <= columns; column += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            float value = __builtin_fabsf(x[column + lane]);
            lanes[lane] = value > lanes[lane] ? value : lanes[lane];
            zeros[lane] += value - value;
        }
    float largest = 0, zero = sum_lanes(zeros);
    for (int lane = 0; lane < LANES; lane++) largest = lanes[lane] > largest ? lanes[lane] : largest;
    for (; column < columns; column++) {
        float value = __builtin_fabsf(x[column]);
        largest = value > largest ? value : largest;
        zero += value - value;
    }
    return largest + zero;
}

// What a row is multiplied by; 0 where it is not finite, or too small for an inverse.
BODY float inverse_of(float largest) { return largest >= 0x1p-100f && largest <= 0x1p126f ? 127.0f / largest : 0.0f; }

// Rounds to nearest even by the magic number: the same in scalar and vector code. |x| <= 127.5.
BODY int32_t nearest(float x) {
    union {
        float value;
        int32_t bits;
    } number = {x + 0x1.8p23f};
    return number.bits - 0x4B400000;
}

// One row in 8 bits, with `offset` added to each; its scale. With no offset the bytes are those of signed numbers.
BODY float quantize_row(uint8_t *restrict y, const float *restrict x, ptrdiff_t columns, int offset) {
    float largest = magnitude(x, columns);
    float inverse = inverse_of(largest);
    INDEPENDENT
    for (ptrdiff_t column = 0; column < columns; column++) {
        float scaled = x[column] * inverse;
        y[column] = (uint8_t)(nearest(scaled) + offset);
    }
    return largest / 127.0f;
}

BODY void rows_body(uint8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                    ptrdiff_t columns) {
    ptrdiff_t stride = kindred_int8_stride(columns);
    for (ptrdiff_t row = 0; row < rows; row++) {
        scales[row] = quantize_row(out + row * stride, in + row * in_stride, columns, OFFSET);
        memset(out + row * stride + columns, OFFSET, (size_t)(stride - columns));
    }
}

void kindred_int8_quantize(int8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                           ptrdiff_t columns) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        scales[row] = quantize_row((uint8_t *)out + row * columns, in + row * in_stride, columns, 0);
    }
}

void kindred_int8_pack(int8_t *packed, int32_t *sums, const int8_t *in, ptrdiff_t columns, ptrdiff_t inner) {
    ptrdiff_t stride = kindred_int8_stride(inner);
    memset(packed, 0, (size_t)kindred_int8_packed_count(columns, inner));
    for (ptrdiff_t column = 0; column < columns; column++) {
        const int8_t *x = in + column * inner;
        int8_t *panel = packed + column / PANEL * PANEL * stride + column % PANEL * GROUP;
        int32_t sum = 0;
        for (ptrdiff_t i = 0; i < inner; i++) {
            panel[i / GROUP * PANEL * GROUP + i % GROUP] = x[i];
            sum += x[i];
        }
        sums[column] = sum;
    }
}

// The last step of every variant, in this order, so that all round alike.
BODY void finish(float *y, int32_t sum, float row_scale, float column_scale, int adding) {
    float scale = row_scale * column_scale;
    float value = (float)sum * scale;
    *y = adding ? *y + value : value;
}

#define MULTIPLY_ARGUMENTS                                                                                           \
    (float *out, ptrdiff_t out_stride, const uint8_t *a, const float *row_scales, const int8_t *packed,              \
     const float *column_scales, const int32_t *sums, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, int adding)
#define ROWS_ARGUMENTS                                                                                               \
    (uint8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows, ptrdiff_t columns)

void kindred_int8_rows_portable ROWS_ARGUMENTS { rows_body(out, scales, in, in_stride, rows, columns); }

void kindred_int8_multiply_portable MULTIPLY_ARGUMENTS {
    (void)sums;
    ptrdiff_t stride = kindred_int8_stride(inner);
    for (ptrdiff_t left = 0; left < columns; left += PANEL) {
        const int8_t *panel = packed + left * stride;
        ptrdiff_t width = columns - left < PANEL ? columns - left : PANEL;
        for (ptrdiff_t row = 0; row < rows; row++) {
            const uint8_t *x = a + row * stride;
            int32_t totals[PANEL] = {0};
            for (ptrdiff_t i = 0; i < stride; i += GROUP) {
                const int8_t *b = panel + i * PANEL;
                for (int j = 0; j < PANEL; j++)
                    for (int k = 0; k < GROUP; k++) totals[j] += ((int32_t)x[i + k] - OFFSET) * b[j * GROUP + k];
            }
            float *y = out + row * out_stride + left;
            for (ptrdiff_t j = 0; j < width; j++)
                finish(y + j, totals[j], row_scales[row], column_scales[left + j], adding);
        }
    }
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")))

AVX2 void kindred_int8_rows_avx2 ROWS_ARGUMENTS { rows_body(out, scales, in, in_stride, rows, columns); }

// vpmaddubsw would saturate (255 · 127 · 2 > 2^15), so bytes are widened first.
AVX2 void kindred_int8_multiply_avx2 MULTIPLY_ARGUMENTS {
    ptrdiff_t stride = kindred_int8_stride(inner);
    for (ptrdiff_t first = 0; first < columns; first += 8) {
        const int8_t *panel = packed + first / PANEL * PANEL * stride + first % PANEL * GROUP;
        ptrdiff_t width = columns - first < 8 ? columns - first : 8;
        for (ptrdiff_t row = 0; row < rows; row += 4) {
            int tall = rows - row < 4 ? (int)(rows - row) : 4;
            __m256i low[4], high[4];
            for (int r = 0; r < 4; r++) low[r] = high[r] = _mm256_setzero_si256();
            for (ptrdiff_t i = 0; i < stride; i += GROUP) {
                __m256i b = _mm256_loadu_si256((const __m256i *)(panel + i * PANEL));
                __m256i left = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(b));
                __m256i right = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(b, 1));
                for (int r = 0; r < 4; r++) {
                    int32_t four;
                    memcpy(&four, a + (row + (r < tall ? r : 0)) * stride + i, sizeof four);
                    __m256i x = _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(four)));
                    low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(x, left));
                    high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(x, right));
                }
            }
            for (int r = 0; r < tall; r++) {
                __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(low[r], high[r]), 0xD8);
                int32_t totals[8];
                _mm256_storeu_si256((__m256i *)totals, sum);
                float *y = out + (row + r) * out_stride + first;
                for (ptrdiff_t j = 0; j < width; j++)
                    finish(y + j, totals[j] - OFFSET * sums[first + j], row_scales[row + r], column_scales[first + j],
                           adding);
            }
        }
    }
}

AVX512_VNNI void kindred_int8_rows_avx512_vnni ROWS_ARGUMENTS { rows_body(out, scales, in, in_stride, rows, columns); }

// 6 rows x 64 columns: 24 sums, 4 registers of the packed factor, and the left factor's bytes broadcast from memory.
AVX512_VNNI static inline __attribute__((always_inline)) void tile(
    float *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t stride, const float *row_scales, const int8_t *panel,
    const float *column_scales, const int32_t *column_sums, ptrdiff_t width, int adding, const int rows) {
    __m512i sums[TILE_ROWS][4];
    for (int row = 0; row < rows; row++)
        for (int part = 0; part < 4; part++) sums[row][part] = _mm512_setzero_si512();
    for (ptrdiff_t i = 0; i < stride; i += GROUP) {
        __m512i b[4];
        for (int part = 0; part < 4; part++) b[part] = _mm512_loadu_si512(panel + i * PANEL + part * 64);
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

AVX512_VNNI void kindred_int8_multiply_avx512_vnni MULTIPLY_ARGUMENTS {
    ptrdiff_t stride = kindred_int8_stride(inner);
    for (ptrdiff_t left = 0; left < columns; left += PANEL) {
        const int8_t *panel = packed + left * stride;
        ptrdiff_t row = 0;
#define TILE(ROWS)                                                                                                   \
    tile(out + row * out_stride + left, out_stride, a + row * stride, stride, row_scales + row, panel,               \
         column_scales + left, sums + left, columns - left, adding, ROWS)
        for (; row + TILE_ROWS <= rows; row += TILE_ROWS) TILE(TILE_ROWS);
        for (; row + 2 <= rows; row += 2) TILE(2);
        if (row < rows) TILE(1);
#undef TILE
    }
}
#else
void kindred_int8_rows_avx2 ROWS_ARGUMENTS { rows_body(out, scales, in, in_stride, rows, columns); }
void kindred_int8_rows_avx512_vnni ROWS_ARGUMENTS { rows_body(out, scales, in, in_stride, rows, columns); }
void kindred_int8_multiply_avx2 MULTIPLY_ARGUMENTS {
    kindred_int8_multiply_portable(out, out_stride, a, row_scales, packed, column_scales, sums, rows, columns, inner,
                                   adding);
}
void kindred_int8_multiply_avx512_vnni MULTIPLY_ARGUMENTS {
    kindred_int8_multiply_portable(out, out_stride, a, row_scales, packed, column_scales, sums, rows, columns, inner,
                                   adding);
}
#endif

void kindred_int8_rows_neon ROWS_ARGUMENTS { rows_body(out, scales, in, in_stride, rows, columns); }

#if defined(__ARM_NEON)
void kindred_int8_multiply_neon MULTIPLY_ARGUMENTS {
    (void)sums;
    ptrdiff_t stride = kindred_int8_stride(inner);
    const uint8x16_t offset = vdupq_n_u8(OFFSET);
    for (ptrdiff_t first = 0; first < columns; first += 4) {
        const int8_t *panel = packed + first / PANEL * PANEL * stride + first % PANEL * GROUP;
        ptrdiff_t width = columns - first < 4 ? columns - first : 4;
        for (ptrdiff_t row = 0; row < rows; row++) {
            int32x4_t low = vdupq_n_s32(0), high = low;
            for (ptrdiff_t i = 0; i < stride; i += GROUP) {
                uint32_t four;
                memcpy(&four, a + row * stride + i, sizeof four);
                int8x16_t x = vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_u32(vdupq_n_u32(four)), offset));
                int8x16_t b = vld1q_s8(panel + i * PANEL);
                low = vpadalq_s16(low, vmull_s8(vget_low_s8(x), vget_low_s8(b)));
                high = vpadalq_s16(high, vmull_s8(vget_high_s8(x), vget_high_s8(b)));
            }
            int32_t totals[4];
            vst1q_s32(totals, vpaddq_s32(low, high));
            float *y = out + row * out_stride + first;
            for (ptrdiff_t j = 0; j < width; j++)
                finish(y + j, totals[j], row_scales[row], column_scales[first + j], adding);
        }
    }
}
#else
void kindred_int8_multiply_neon MULTIPLY_ARGUMENTS {
    kindred_int8_multiply_portable(out, out_stride, a, row_scales, packed, column_scales, sums, rows, columns, inner,
                                   adding);
}
#endif

#define DISPATCH(NAME, ARGUMENTS)                                                                                    \
    uint32_t features = kindred_features();                                                                          \
    if (features & KINDRED_AVX512_VNNI) return NAME##_avx512_vnni ARGUMENTS;                                         \
    if (features & KINDRED_AVX2) return NAME##_avx2 ARGUMENTS;                                                       \
    if (features & KINDRED_NEON) return NAME##_neon ARGUMENTS;                                                       \
    NAME##_portable ARGUMENTS;

void kindred_int8_rows ROWS_ARGUMENTS { DISPATCH(kindred_int8_rows, (out, scales, in, in_stride, rows, columns)) }

void kindred_int8_multiply MULTIPLY_ARGUMENTS {
    DISPATCH(kindred_int8_multiply, (out, out_stride, a, row_scales, packed, column_scales, sums, rows, columns, inner,
                                     adding))
}
