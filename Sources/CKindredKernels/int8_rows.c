#include "int8.h"

// A row's largest magnitude, or not a number where an element is not finite.
INLINE float magnitude(const float *x, ptrdiff_t columns) {
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
INLINE float inverse_of(float largest) { return largest >= 0x1p-100f && largest <= 0x1p126f ? 127.0f / largest : 0.0f; }

// Rounds to nearest even by the magic number: the same in scalar and vector code. |x| <= 127.5.
INLINE int32_t nearest(float x) {
    union {
        float value;
        int32_t bits;
    } number = {x + 0x1.8p23f};
    return number.bits - 0x4B400000;
}

// Rows with `offset` added to each number, and their scales; `offset` from `columns` up to `stride`.
#define QUANTIZE_ROWS(NAME, NUMBER)                                                                                    \
    INLINE void NAME(NUMBER *out, ptrdiff_t stride, float *scales, const float *in, ptrdiff_t in_stride,               \
                     ptrdiff_t rows, ptrdiff_t columns, int offset) {                                                  \
        for (ptrdiff_t row = 0; row < rows; row++) {                                                                   \
            NUMBER *restrict y = out + row * stride;                                                                   \
            const float *restrict x = in + row * in_stride;                                                            \
            float largest = magnitude(x, columns);                                                                     \
            float inverse = inverse_of(largest);                                                                       \
            INDEPENDENT                                                                                                \
            for (ptrdiff_t column = 0; column < columns; column++) {                                                   \
                float scaled = x[column] * inverse;                                                                    \
                y[column] = (NUMBER)(nearest(scaled) + offset);                                                        \
            }                                                                                                          \
            for (ptrdiff_t column = columns; column < stride; column++) y[column] = (NUMBER)offset;                    \
            scales[row] = largest / 127.0f;                                                                            \
        }                                                                                                              \
    }
QUANTIZE_ROWS(quantize_rows, uint8_t)

INLINE void rows_body(uint8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                      ptrdiff_t columns) {
    quantize_rows(out, kindred_int8_stride(columns), scales, in, in_stride, rows, columns, OFFSET);
}

// 16-bit numbers, for the reason that int8_multiply_x86.h gives.
#if defined(__x86_64__)
QUANTIZE_ROWS(quantize_wide_rows, int16_t)

INLINE void rows_body_avx2(uint8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                           ptrdiff_t columns) {
    int16_t *wide = (int16_t *)(void *)out;
    quantize_wide_rows(wide, kindred_int8_stride(columns), scales, in, in_stride, rows, columns, 0);
}
#else
#define rows_body_avx2 rows_body
#endif
#define rows_body_portable rows_body
#define rows_body_avx_vnni rows_body
#define rows_body_avx512_vnni rows_body
#define rows_body_neon rows_body

#define DEFINE(SUFFIX, TARGET, ...)                                                                                    \
    TARGET void kindred_int8_rows##SUFFIX(uint8_t *out, float *scales, const float *in, ptrdiff_t in_stride,           \
                                          ptrdiff_t rows, ptrdiff_t columns) {                                         \
        rows_body##SUFFIX(out, scales, in, in_stride, rows, columns);                                                  \
    }

DEFINE(_portable, )
INT8_VARIANTS(DEFINE)

void kindred_int8_rows(uint8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                       ptrdiff_t columns) {
    DISPATCH(INT8_VARIANTS, kindred_int8_rows, (out, scales, in, in_stride, rows, columns))
}

void kindred_int8_quantize(int8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                           ptrdiff_t columns) {
    quantize_rows((uint8_t *)out, columns, scales, in, in_stride, rows, columns, 0);
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
