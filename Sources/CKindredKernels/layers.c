#include "kindred_layers.h"

#include <math.h>

#include "lanes.h"

INLINE void rms_norm_body(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, const float *weight,
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

INLINE void softmax_body(float *scores, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale, int causal) {
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

INLINE void layer_norm_body(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, const float *weight,
                            const float *bias, ptrdiff_t rows, ptrdiff_t columns, float epsilon) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *x = in + row * in_stride;
        float *y = out + row * out_stride;
        float lanes[LANES] = {0};
        ptrdiff_t column = 0;
        for (; column + LANES <= columns; column += LANES)
            for (int lane = 0; lane < LANES; lane++) lanes[lane] += x[column + lane];
        float sum = sum_lanes(lanes);
        for (; column < columns; column++) sum += x[column];
        float mean = sum / (float)columns;
        // A second pass over the differences: the difference of two sums would lose what a large mean hides.
        float squares[LANES] = {0};
        for (column = 0; column + LANES <= columns; column += LANES)
            for (int lane = 0; lane < LANES; lane++) {
                float difference = x[column + lane] - mean;
                squares[lane] += difference * difference;
            }
        float variance = sum_lanes(squares);
        for (; column < columns; column++) variance += (x[column] - mean) * (x[column] - mean);
        float factor = 1.0f / sqrtf(variance / (float)columns + epsilon);
        INDEPENDENT
        for (column = 0; column < columns; column++)
            y[column] = (x[column] - mean) * factor * weight[column] + bias[column];
    }
}

// The error function by Abramowitz and Stegun 7.1.26; absolute error below 2e-7.
INLINE float error_function(float x) {
    float size = __builtin_fabsf(x);
    float t = 1.0f / (1.0f + 0.3275911f * size);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float value = 1.0f - p * t * exponential(-size * size);
    return __builtin_copysignf(value, x);
}

INLINE float activated(float x, enum kindred_activation activation) {
    switch (activation) {
    case KINDRED_SILU: return x / (1.0f + exponential(-x));
    case KINDRED_GELU: return 0.5f * x * (1.0f + error_function(x * 0.70710678118654752f));
    // 1 + tanh(u) is twice the logistic function of 2u.
    case KINDRED_GELU_TANH: return x / (1.0f + exponential(-1.5957691216057308f * (x + 0.044715f * x * x * x)));
    default: return x > 0 ? x : 0;
    }
}

INLINE void activate_rows(float *x, ptrdiff_t stride, const float *up, ptrdiff_t up_stride, ptrdiff_t rows,
                          ptrdiff_t columns, enum kindred_activation activation) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        float *restrict g = x + row * stride;
        if (up) {
            const float *restrict u = up + row * up_stride;
            INDEPENDENT
            for (ptrdiff_t column = 0; column < columns; column++)
                g[column] = activated(g[column], activation) * u[column];
        } else {
            INDEPENDENT
            for (ptrdiff_t column = 0; column < columns; column++) g[column] = activated(g[column], activation);
        }
    }
}

// A loop for each activation, so that each is vectorised.
INLINE void activate_body(float *x, ptrdiff_t stride, const float *up, ptrdiff_t up_stride, ptrdiff_t rows,
                          ptrdiff_t columns, enum kindred_activation activation) {
    switch (activation) {
    case KINDRED_SILU: return activate_rows(x, stride, up, up_stride, rows, columns, KINDRED_SILU);
    case KINDRED_GELU: return activate_rows(x, stride, up, up_stride, rows, columns, KINDRED_GELU);
    case KINDRED_GELU_TANH: return activate_rows(x, stride, up, up_stride, rows, columns, KINDRED_GELU_TANH);
    case KINDRED_RELU: return activate_rows(x, stride, up, up_stride, rows, columns, KINDRED_RELU);
    }
}

INLINE void cap_body(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale, float cap) {
    float inner = 2.0f * scale / cap;
    for (ptrdiff_t row = 0; row < rows; row++) {
        float *y = x + row * stride;
        INDEPENDENT
        for (ptrdiff_t column = 0; column < columns; column++)
            y[column] = cap * (2.0f / (1.0f + exponential(-inner * y[column])) - 1.0f);
    }
}

INLINE void rotate_body(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t half,
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

#define DEFINE(SUFFIX, TARGET, ...)                                                                                    \
    TARGET void kindred_rms_norm##SUFFIX(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride,       \
                                         const float *weight, ptrdiff_t rows, ptrdiff_t columns, float epsilon) {      \
        rms_norm_body(out, out_stride, in, in_stride, weight, rows, columns, epsilon);                                 \
    }                                                                                                                  \
    TARGET void kindred_softmax##SUFFIX(float *scores, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,            \
                                        float scale, int causal) {                                                     \
        softmax_body(scores, stride, rows, columns, scale, causal);                                                    \
    }                                                                                                                  \
    TARGET void kindred_layer_norm##SUFFIX(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride,     \
                                           const float *weight, const float *bias, ptrdiff_t rows, ptrdiff_t columns,  \
                                           float epsilon) {                                                            \
        layer_norm_body(out, out_stride, in, in_stride, weight, bias, rows, columns, epsilon);                         \
    }                                                                                                                  \
    TARGET void kindred_activate##SUFFIX(float *x, ptrdiff_t stride, const float *up, ptrdiff_t up_stride,             \
                                         ptrdiff_t rows, ptrdiff_t columns, enum kindred_activation activation) {      \
        activate_body(x, stride, up, up_stride, rows, columns, activation);                                            \
    }                                                                                                                  \
    TARGET void kindred_cap##SUFFIX(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale,        \
                                    float cap) {                                                                       \
        cap_body(x, stride, rows, columns, scale, cap);                                                                \
    }                                                                                                                  \
    TARGET void kindred_rotate##SUFFIX(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t half,    \
                                       const float *cosines, const float *sines) {                                     \
        rotate_body(x, stride, rows, heads, half, cosines, sines);                                                     \
    }

DEFINE(_portable, )
FLOAT_VARIANTS(DEFINE)

void kindred_rms_norm(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, const float *weight,
                      ptrdiff_t rows, ptrdiff_t columns, float epsilon) {
    DISPATCH(FLOAT_VARIANTS, kindred_rms_norm, (out, out_stride, in, in_stride, weight, rows, columns, epsilon))
}

void kindred_softmax(float *scores, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale, int causal) {
    DISPATCH(FLOAT_VARIANTS, kindred_softmax, (scores, stride, rows, columns, scale, causal))
}

void kindred_layer_norm(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, const float *weight,
                        const float *bias, ptrdiff_t rows, ptrdiff_t columns, float epsilon) {
    DISPATCH(FLOAT_VARIANTS, kindred_layer_norm, (out, out_stride, in, in_stride, weight, bias, rows, columns, epsilon))
}

void kindred_activate(float *x, ptrdiff_t stride, const float *up, ptrdiff_t up_stride, ptrdiff_t rows,
                      ptrdiff_t columns, enum kindred_activation activation) {
    DISPATCH(FLOAT_VARIANTS, kindred_activate, (x, stride, up, up_stride, rows, columns, activation))
}

void kindred_cap(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale, float cap) {
    DISPATCH(FLOAT_VARIANTS, kindred_cap, (x, stride, rows, columns, scale, cap))
}

void kindred_rotate(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t half, const float *cosines,
                    const float *sines) {
    DISPATCH(FLOAT_VARIANTS, kindred_rotate, (x, stride, rows, heads, half, cosines, sines))
}
