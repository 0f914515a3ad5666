#include "kindred_layers.h"

#include <math.h>
#include <string.h>

#include "kindred_features.h"
#include "lanes.h"

BODY void rms_norm_body(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, const float *weight,
                        ptrdiff_t rows, ptrdiff_t columns, float epsilon) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *x = in + row * in_stride;
        float *y = out + row * out_stride;
        float lanes[LANES] = {0};
        ptrdiff_t column = 0;
        for (; column + LANES <= columns; column += LANES)
            for (int lane = 0; lane < LANES; lane++) lanes[lane] += x[column + lane] * x[column + lane];
        float sum = sum_lanes(lanes);
        for (; column < columns; column++) sum += x[column] * x[column];
        float factor = 1.0f / sqrtf(sum / (float)columns + epsilon);
        INDEPENDENT
        for (column = 0; column < columns; column++) y[column] = x[column] * factor * weight[column];
    }
}

BODY void softmax_body(float *scores, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale, int causal) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        float *x = scores + row * stride;
        ptrdiff_t visible = causal && row + 1 < columns ? row + 1 : columns;
        float highest[LANES];
        for (int lane = 0; lane < LANES; lane++) highest[lane] = -INFINITY;
        ptrdiff_t column = 0;
        for (; column + LANES <= visible; column += LANES)
            for (int lane = 0; lane < LANES; lane++)
                highest[lane] = x[column + lane] > highest[lane] ? x[column + lane] : highest[lane];
        float peak = -INFINITY;
        for (int lane = 0; lane < LANES; lane++) peak = highest[lane] > peak ? highest[lane] : peak;
        for (; column < visible; column++) peak = x[column] > peak ? x[column] : peak;

        float lanes[LANES] = {0};
        for (column = 0; column + LANES <= visible; column += LANES)
            for (int lane = 0; lane < LANES; lane++) {
                float e = exponential((x[column + lane] - peak) * scale);
                x[column + lane] = e;
                lanes[lane] += e;
            }
        float sum = sum_lanes(lanes);
        for (; column < visible; column++) {
            x[column] = exponential((x[column] - peak) * scale);
            sum += x[column];
        }
        float factor = 1.0f / sum;
        for (column = 0; column < visible; column++) x[column] *= factor;
        for (; column < columns; column++) x[column] = 0;
    }
}

BODY void silu_multiply_body(float *gate, ptrdiff_t stride, const float *up, ptrdiff_t up_stride, ptrdiff_t rows,
                             ptrdiff_t columns) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        float *restrict g = gate + row * stride;
        const float *restrict u = up + row * up_stride;
        INDEPENDENT
        for (ptrdiff_t column = 0; column < columns; column++)
            g[column] = g[column] / (1.0f + exponential(-g[column])) * u[column];
    }
}

BODY void rotate_body(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t half,
                      const float *cosines, const float *sines) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *restrict c = cosines + row * half;
        const float *restrict s = sines + row * half;
        for (ptrdiff_t head = 0; head < heads; head++) {
            float *restrict first = x + row * stride + head * 2 * half;
            float *restrict second = first + half;
            INDEPENDENT
            for (ptrdiff_t i = 0; i < half; i++) {
                float a = first[i], b = second[i];
                first[i] = a * c[i] - b * s[i];
                second[i] = b * c[i] + a * s[i];
            }
        }
    }
}

#define DEFINE(SUFFIX, TARGET)                                                                                       \
    TARGET void kindred_rms_norm##SUFFIX(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride,      \
                                         const float *weight, ptrdiff_t rows, ptrdiff_t columns, float epsilon) {     \
        rms_norm_body(out, out_stride, in, in_stride, weight, rows, columns, epsilon);                               \
    }                                                                                                                \
    TARGET void kindred_softmax##SUFFIX(float *scores, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,           \
                                        float scale, int causal) {                                                   \
        softmax_body(scores, stride, rows, columns, scale, causal);                                                  \
    }                                                                                                                \
    TARGET void kindred_silu_multiply##SUFFIX(float *gate, ptrdiff_t stride, const float *up, ptrdiff_t up_stride,       \
                                              ptrdiff_t rows, ptrdiff_t columns) {                                                   \
        silu_multiply_body(gate, stride, up, up_stride, rows, columns);                                                         \
    }                                                                                                                \
    TARGET void kindred_rotate##SUFFIX(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t half,   \
                                       const float *cosines, const float *sines) {                                   \
        rotate_body(x, stride, rows, heads, half, cosines, sines);                                                   \
    }

DEFINE(_portable, )
#if defined(__x86_64__)
DEFINE(_avx2, __attribute__((target("avx2,fma"))))
DEFINE(_avx512, __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))))
#else
DEFINE(_avx2, )
DEFINE(_avx512, )
#endif

#define DISPATCH(NAME, ARGUMENTS)                                                                                    \
    uint32_t features = kindred_features();                                                                          \
    if (features & KINDRED_AVX512) return NAME##_avx512 ARGUMENTS;                                                   \
    if (features & KINDRED_AVX2) return NAME##_avx2 ARGUMENTS;                                                       \
    NAME##_portable ARGUMENTS;

void kindred_rms_norm(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, const float *weight,
                      ptrdiff_t rows, ptrdiff_t columns, float epsilon) {
    DISPATCH(kindred_rms_norm, (out, out_stride, in, in_stride, weight, rows, columns, epsilon))
}

void kindred_softmax(float *scores, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale, int causal) {
    DISPATCH(kindred_softmax, (scores, stride, rows, columns, scale, causal))
}

void kindred_silu_multiply(float *gate, ptrdiff_t stride, const float *up, ptrdiff_t up_stride, ptrdiff_t rows,
                           ptrdiff_t columns) {
    DISPATCH(kindred_silu_multiply, (gate, stride, up, up_stride, rows, columns))
}

void kindred_rotate(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t half, const float *cosines,
                    const float *sines) {
    DISPATCH(kindred_rotate, (x, stride, rows, heads, half, cosines, sines))
}

void kindred_bf16_to_f32(float *out, const uint16_t *in, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, in + i, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(out + i, &bits, sizeof bits);
    }
}

void kindred_f16_to_f32(float *out, const uint16_t *in, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, in + i, sizeof half);
        uint32_t sign = (uint32_t)(half & 0x8000) << 16;
        uint32_t exponent = (half >> 10) & 31, fraction = half & 1023;
        float value;
        uint32_t bits;
        if (exponent == 0) {
            value = (float)fraction * 0x1p-24f;
            memcpy(&bits, &value, sizeof bits);
        } else if (exponent == 31) {
            bits = 0x7F800000u | fraction << 13;
        } else {
            bits = (exponent + 112) << 23 | fraction << 13;
        }
        bits |= sign;
        memcpy(out + i, &bits, sizeof bits);
    }
}
