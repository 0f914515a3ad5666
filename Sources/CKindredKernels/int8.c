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

enum { PANEL = 16, GROUP = 4, TILE_ROWS = 6, OFFSET = 128 };

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

// One row, with `offset` added to each number; its scale.
#define QUANTIZE_ROW(NAME, NUMBER)                                                                                   \
    BODY float NAME(NUMBER *restrict y, const float *restrict x, ptrdiff_t columns, int offset) {                    \
        float largest = magnitude(x, columns);                                                                       \
        float inverse = inverse_of(largest);                                                                         \
        INDEPENDENT                                                                                                  \
        for (ptrdiff_t column = 0; column < columns; column++) {                                                     \
            float scaled = x[column] * inverse;                                                                      \
            y[column] = (NUMBER)(nearest(scaled) + offset);                                                          \
        }                                                                                                            \
        return largest / 127.0f;                                                                                     \
    }
QUANTIZE_ROW(quantize_row, uint8_t)
QUANTIZE_ROW(quantize_wide_row, int16_t)

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

ptrdiff_t kindred_int8_outlier_rows(int32_t *out, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                                    ptrdiff_t columns, float ratio) {
    ptrdiff_t count = 0;
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *x = in + row * in_stride;
        float lanes[LANES] = {0};
        ptrdiff_t column = 0;
        for (; column + LANES <= columns; column += LANES)
            for (int lane = 0; lane < LANES; lane++) lanes[lane] += x[column + lane] * x[column + lane];
        for (; column < columns; column++) lanes[0] += x[column] * x[column];
        float largest = magnitude(x, columns);
        if (largest * largest * (float)columns > ratio * ratio * sum_lanes(lanes)) out[count++] = (int32_t)row;
    }
    return count;
}

void kindred_int8_residuals(float *out, const float *in, ptrdiff_t in_stride, const int32_t *chosen, ptrdiff_t count,
                            ptrdiff_t columns) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const float *restrict x = in + chosen[i] * in_stride;
        float *restrict y = out + i * columns;
        float largest = magnitude(x, columns);
        float inverse = inverse_of(largest), scale = largest / 127.0f;
        INDEPENDENT
        for (ptrdiff_t column = 0; column < columns; column++) {
            float scaled = x[column] * inverse;
            float coarse = (float)nearest(scaled) * scale;
            y[column] = x[column] - coarse;
        }
    }
}

// Group `i / GROUP` of a column's panel is at `i * PANEL` from here.
BODY ptrdiff_t packed_offset(ptrdiff_t column, ptrdiff_t stride) {
    return column / PANEL * PANEL * stride + column % PANEL * GROUP;
}

void kindred_int8_pack(int8_t *packed, int32_t *sums, const int8_t *in, ptrdiff_t columns, ptrdiff_t inner) {
    ptrdiff_t stride = kindred_int8_stride(inner);
    memset(packed, 0, (size_t)kindred_int8_packed_count(columns, inner));
    for (ptrdiff_t column = 0; column < columns; column++) {
        const int8_t *x = in + column * inner;
        int8_t *groups = packed + packed_offset(column, stride);
        int32_t sum = 0;
        for (ptrdiff_t i = 0; i < inner; i++) {
            groups[i / GROUP * PANEL * GROUP + i % GROUP] = x[i];
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
     const float *column_scales, const int32_t *sums, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner,            \
     int adding, int16_t *work)
#define PASS_MULTIPLY                                                                                                \
    (out, out_stride, a, row_scales, packed, column_scales, sums, rows, columns, inner, adding, work)
#define ROWS_ARGUMENTS                                                                                               \
    (uint8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows, ptrdiff_t columns)
#define PASS_ROWS (out, scales, in, in_stride, rows, columns)

void kindred_int8_rows_portable ROWS_ARGUMENTS { rows_body PASS_ROWS; }

void kindred_int8_multiply_portable MULTIPLY_ARGUMENTS {
    (void)sums, (void)work;
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
#define AVX_VNNI __attribute__((target("avx2,fma,avxvnni")))
#define AVX512_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")))
#define INLINED static inline __attribute__((always_inline))

// A tile is compiled for each number of rows, so that its sums stay in registers.
#define EACH_TILE(TILE)                                                                                              \
    for (ptrdiff_t row = 0; row < rows; row += TILE_ROWS) switch (rows - row) {                                      \
            case 1: TILE(1); break;                                                                                  \
            case 2: TILE(2); break;                                                                                  \
            case 3: TILE(3); break;                                                                                  \
            case 4: TILE(4); break;                                                                                  \
            case 5: TILE(5); break;                                                                                  \
            default: TILE(TILE_ROWS);                                                                                \
        }

// The first `width` of eight lanes.
AVX2 INLINED __m256i first_lanes(ptrdiff_t width) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(width < 8 ? (int)width : 8), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

AVX2 INLINED void finish_eight(float *y, __m256i sum, float row_scale, __m256 column_scales, __m256i mask, int adding) {
    __m256 scale = _mm256_mul_ps(_mm256_set1_ps(row_scale), column_scales);
    __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale);
    if (adding) value = _mm256_add_ps(_mm256_maskload_ps(y, mask), value);
    _mm256_maskstore_ps(y, mask, value);
}

// Rows of 16-bit numbers: AVX2 has no sum of products of bytes that cannot saturate, and where the bytes' signs are
// moved to one factor (vpsignb, vpmaddubsw, vpmaddwd, vpaddd) 32 products take as many instructions as in 16 bits
// (twice vpmaddwd, vpaddd), of which one more needs a multiplier's port.
AVX2 void kindred_int8_rows_avx2 ROWS_ARGUMENTS {
    ptrdiff_t stride = kindred_int8_stride(columns);
    for (ptrdiff_t row = 0; row < rows; row++) {
        int16_t *y = (int16_t *)(void *)out + row * stride;
        scales[row] = quantize_wide_row(y, in + row * in_stride, columns, 0);
        for (ptrdiff_t column = columns; column < stride; column++) y[column] = 0;
    }
}

// 6 rows x 8 columns, in the order of the inner dimension's groups: sums of the first and the last two of each four.
AVX2 INLINED void tile_avx2(float *out, ptrdiff_t out_stride, const int16_t *a, ptrdiff_t stride,
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

AVX2 void kindred_int8_multiply_avx2 MULTIPLY_ARGUMENTS {
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
#define TILE(ROWS)                                                                                                   \
    tile_avx2(out + row * out_stride + first, out_stride, x + row * stride, stride, row_scales + row, work, scales,  \
              mask, adding, ROWS)
        EACH_TILE(TILE)
#undef TILE
    }
}

AVX_VNNI void kindred_int8_rows_avx_vnni ROWS_ARGUMENTS { rows_body PASS_ROWS; }

// 6 rows x 16 columns: 12 sums, 2 registers of the packed factor.
AVX_VNNI INLINED void tile_avx_vnni(float *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t stride,
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

AVX_VNNI void kindred_int8_multiply_avx_vnni MULTIPLY_ARGUMENTS {
    (void)work;
    ptrdiff_t stride = kindred_int8_stride(inner);
    for (ptrdiff_t left = 0; left < columns; left += PANEL) {
        const int8_t *panel = packed + left * stride;
#define TILE(ROWS)                                                                                                   \
    tile_avx_vnni(out + row * out_stride + left, out_stride, a + row * stride, stride, row_scales + row, panel,      \
                  column_scales + left, sums + left, columns - left, adding, ROWS)
        EACH_TILE(TILE)
#undef TILE
    }
}

AVX512_VNNI void kindred_int8_rows_avx512_vnni ROWS_ARGUMENTS { rows_body PASS_ROWS; }

// 6 rows x 4 panels: 24 sums, 4 registers of the packed factor, and the left factor's bytes broadcast from memory.
AVX512_VNNI INLINED void tile_avx512_vnni(float *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t stride,
                                          const float *row_scales, const int8_t *panels, const float *column_scales,
                                          const int32_t *column_sums, ptrdiff_t width, int adding, const int rows) {
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

AVX512_VNNI void kindred_int8_multiply_avx512_vnni MULTIPLY_ARGUMENTS {
    (void)work;
    ptrdiff_t stride = kindred_int8_stride(inner);
    for (ptrdiff_t left = 0; left < columns; left += 4 * PANEL) {
        const int8_t *panels = packed + left * stride;
#define TILE(ROWS)                                                                                                   \
    tile_avx512_vnni(out + row * out_stride + left, out_stride, a + row * stride, stride, row_scales + row, panels,  \
                     column_scales + left, sums + left, columns - left, adding, ROWS)
        EACH_TILE(TILE)
#undef TILE
    }
}
#else
#define PORTABLE_TOO(SUFFIX)                                                                                         \
    void kindred_int8_rows##SUFFIX ROWS_ARGUMENTS { rows_body PASS_ROWS; }                                           \
    void kindred_int8_multiply##SUFFIX MULTIPLY_ARGUMENTS { kindred_int8_multiply_portable PASS_MULTIPLY; }
PORTABLE_TOO(_avx2)
PORTABLE_TOO(_avx_vnni)
PORTABLE_TOO(_avx512_vnni)
#endif

void kindred_int8_rows_neon ROWS_ARGUMENTS { rows_body PASS_ROWS; }

#if defined(__ARM_NEON)
void kindred_int8_multiply_neon MULTIPLY_ARGUMENTS {
    (void)sums, (void)work;
    ptrdiff_t stride = kindred_int8_stride(inner);
    const uint8x16_t offset = vdupq_n_u8(OFFSET);
    for (ptrdiff_t first = 0; first < columns; first += 4) {
        const int8_t *panel = packed + packed_offset(first, stride);
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
void kindred_int8_multiply_neon MULTIPLY_ARGUMENTS { kindred_int8_multiply_portable PASS_MULTIPLY; }
#endif

#define DISPATCH(NAME, ARGUMENTS)                                                                                    \
    uint32_t features = kindred_features();                                                                          \
    if (features & KINDRED_AVX512_VNNI) return NAME##_avx512_vnni ARGUMENTS;                                         \
    if (features & KINDRED_AVX_VNNI) return NAME##_avx_vnni ARGUMENTS;                                               \
    if (features & KINDRED_AVX2) return NAME##_avx2 ARGUMENTS;                                                       \
    if (features & KINDRED_NEON) return NAME##_neon ARGUMENTS;                                                       \
    NAME##_portable ARGUMENTS;

void kindred_int8_rows ROWS_ARGUMENTS { DISPATCH(kindred_int8_rows, PASS_ROWS) }

void kindred_int8_multiply MULTIPLY_ARGUMENTS { DISPATCH(kindred_int8_multiply, PASS_MULTIPLY) }
