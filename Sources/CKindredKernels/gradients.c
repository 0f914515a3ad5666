#include "kindred_gradients.h"

#include "kindred_features.h"
#include "lanes.h"

BODY void rms_norm_gradient_body(float *dx, ptrdiff_t dx_stride, const float *dy, ptrdiff_t dy_stride, const float *x,
                                 ptrdiff_t x_stride, const float *weight, float *dweight, ptrdiff_t rows,
                                 ptrdiff_t columns, float epsilon) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        float *restrict gx = dx + row * dx_stride;
        const float *restrict gy = dy + row * dy_stride;
        const float *restrict v = x + row * x_stride;
        float squares[LANES] = {0}, products[LANES] = {0};
        ptrdiff_t column = 0;
        for (; column + LANES <= columns; column += LANES)
            for (int lane = 0; lane < LANES; lane++) {
                ptrdiff_t i = column + lane;
                squares[lane] += v[i] * v[i];
                products[lane] += gy[i] * weight[i] * v[i];
            }
        float square = sum_lanes(squares), product = sum_lanes(products);
        for (; column < columns; column++) {
            square += v[column] * v[column];
            product += gy[column] * weight[column] * v[column];
        }
        float factor = 1.0f / sqrtf(square / (float)columns + epsilon);
        float pull = factor * factor * factor * product / (float)columns;
        INDEPENDENT
        for (column = 0; column < columns; column++)
            gx[column] += factor * gy[column] * weight[column] - pull * v[column];
        if (dweight) {
            INDEPENDENT
            for (column = 0; column < columns; column++) dweight[column] += gy[column] * v[column] * factor;
        }
    }
}

BODY void softmax_gradient_body(float *gradient, const float *p, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                                float scale) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        float *restrict g = gradient + row * stride;
        const float *restrict w = p + row * stride;
        float lanes[LANES] = {0};
        ptrdiff_t column = 0;
        for (; column + LANES <= columns; column += LANES)
            for (int lane = 0; lane < LANES; lane++) lanes[lane] += g[column + lane] * w[column + lane];
        float sum = sum_lanes(lanes);
        for (; column < columns; column++) sum += g[column] * w[column];
        INDEPENDENT
        for (column = 0; column < columns; column++) g[column] = scale * w[column] * (g[column] - sum);
    }
}

BODY void silu_multiply_gradient_body(float *gate, float *up, ptrdiff_t stride, float *dy, ptrdiff_t dy_stride,
                                      ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        float *restrict g = gate + row * stride;
        float *restrict u = up + row * stride;
        float *restrict d = dy + row * dy_stride;
        INDEPENDENT
        for (ptrdiff_t column = 0; column < columns; column++) {
            float a = g[column], b = u[column], c = d[column];
            float sigmoid = 1.0f / (1.0f + exponential(-a));
            float silu = a * sigmoid;
            g[column] = c * b * (sigmoid + silu * (1.0f - sigmoid));
            u[column] = c * silu;
            d[column] = silu * b;
        }
    }
}

// The high and the low half of a 32 x 32 bit product.
BODY void multiply_wide(uint32_t a, uint32_t b, uint32_t *high, uint32_t *low) {
    uint64_t product = (uint64_t)a * b;
    *high = (uint32_t)(product >> 32);
    *low = (uint32_t)product;
}

// 16 Philox blocks, one a lane: 128 numbers of 16 bits. Number 16 s + lane is half s & 1 of word s / 2.
BODY void philox(uint32_t words[4][LANES], uint32_t block, uint32_t row, uint64_t site, uint64_t key) {
    for (int lane = 0; lane < LANES; lane++) {
        uint32_t c0 = block + (uint32_t)lane, c1 = row, c2 = (uint32_t)site, c3 = (uint32_t)(site >> 32);
        uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
        for (int round = 0; round < 10; round++) {
            uint32_t high0, low0, high1, low1;
            multiply_wide(0xD2511F53u, c0, &high0, &low0);
            multiply_wide(0xCD9E8D57u, c2, &high1, &low1);
            c0 = high1 ^ c1 ^ k0;
            c1 = low1;
            c2 = high0 ^ c3 ^ k1;
            c3 = low0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        words[0][lane] = c0;
        words[1][lane] = c1;
        words[2][lane] = c2;
        words[3][lane] = c3;
    }
}

BODY void dropout_body(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                       ptrdiff_t columns, uint32_t threshold, uint64_t key, uint64_t site, uint32_t first_row,
                       int adding) {
    float scale = 65536.0f / (65536.0f - (float)threshold);
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *x = in + row * in_stride;
        float *y = out + row * out_stride;
        for (ptrdiff_t start = 0; start < columns; start += 8 * LANES) {
            uint32_t words[4][LANES];
            philox(words, (uint32_t)(start / 8), first_row + (uint32_t)row, site, key);
            float factors[8 * LANES];
            for (int slot = 0; slot < 8; slot++)
                for (int lane = 0; lane < LANES; lane++) {
                    uint32_t number = slot & 1 ? words[slot / 2][lane] >> 16 : words[slot / 2][lane] & 0xFFFF;
                    factors[slot * LANES + lane] = number >= threshold ? scale : 0.0f;
                }
            ptrdiff_t left = columns - start;
            if (left > 8 * LANES) left = 8 * LANES;
            if (adding) {
                INDEPENDENT
                for (ptrdiff_t i = 0; i < left; i++) y[start + i] += x[start + i] * factors[i];
            } else {
                INDEPENDENT
                for (ptrdiff_t i = 0; i < left; i++) y[start + i] = x[start + i] * factors[i];
            }
        }
    }
}

BODY double cross_entropy_body(float *logits, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                               const int32_t *targets, float scale) {
    double loss = 0;
    for (ptrdiff_t row = 0; row < rows; row++) {
        float *restrict x = logits + row * stride;
        float highest[LANES];
        for (int lane = 0; lane < LANES; lane++) highest[lane] = -INFINITY;
        ptrdiff_t column = 0;
        for (; column + LANES <= columns; column += LANES)
            for (int lane = 0; lane < LANES; lane++)
                highest[lane] = x[column + lane] > highest[lane] ? x[column + lane] : highest[lane];
        float peak = -INFINITY;
        for (int lane = 0; lane < LANES; lane++) peak = highest[lane] > peak ? highest[lane] : peak;
        for (; column < columns; column++) peak = x[column] > peak ? x[column] : peak;
        float chosen = x[targets[row]];
        float lanes[LANES] = {0};
        for (column = 0; column + LANES <= columns; column += LANES)
            for (int lane = 0; lane < LANES; lane++) {
                float e = exponential(x[column + lane] - peak);
                x[column + lane] = e;
                lanes[lane] += e;
            }
        float sum = sum_lanes(lanes);
        for (; column < columns; column++) {
            x[column] = exponential(x[column] - peak);
            sum += x[column];
        }
        float factor = scale / sum;
        for (column = 0; column < columns; column++) x[column] *= factor;
        x[targets[row]] -= scale;
        loss += log((double)sum) - ((double)chosen - (double)peak);
    }
    return loss;
}

BODY void adamw_body(float *restrict weight, const float *restrict gradient, float *restrict m, float *restrict v,
                     ptrdiff_t count, float gradient_scale, float rate, float beta1, float beta2, float epsilon,
                     float decay, float bias1, float bias2) {
    float step = rate / bias1, root = sqrtf(bias2), keep = 1.0f - rate * decay;
    for (ptrdiff_t i = 0; i < count; i++) {
        float g = gradient[i] * gradient_scale;
        m[i] = m[i] + (g - m[i]) * (1.0f - beta1);
        v[i] = v[i] * beta2 + g * g * (1.0f - beta2);
        float denominator = __builtin_sqrtf(v[i]) / root + epsilon;
        weight[i] = weight[i] * keep - step * (m[i] / denominator);
    }
}

BODY void add_scaled_body(float *restrict out, const float *restrict in, ptrdiff_t count, float scale) {
    for (ptrdiff_t i = 0; i < count; i++) out[i] += scale * in[i];
}

BODY double square_sum_body(const float *in, ptrdiff_t count) {
    double lanes[LANES] = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++) lanes[lane] += (double)in[i + lane] * (double)in[i + lane];
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += lanes[lane];
    for (; i < count; i++) sum += (double)in[i] * (double)in[i];
    return sum;
}

#define RMS_NORM_GRADIENT                                                                                            \
    (float *dx, ptrdiff_t dx_stride, const float *dy, ptrdiff_t dy_stride, const float *x, ptrdiff_t x_stride,        \
     const float *weight, float *dweight, ptrdiff_t rows, ptrdiff_t columns, float epsilon)
#define SOFTMAX_GRADIENT                                                                                             \
    (float *gradient, const float *p, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale)
#define SILU_MULTIPLY_GRADIENT                                                                                       \
    (float *gate, float *up, ptrdiff_t stride, float *dy, ptrdiff_t dy_stride, ptrdiff_t rows, ptrdiff_t columns)
#define DROPOUT                                                                                                      \
    (float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows, ptrdiff_t columns,       \
     uint32_t threshold, uint64_t key, uint64_t site, uint32_t first_row, int adding)
#define CROSS_ENTROPY                                                                                                \
    (float *logits, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, const int32_t *targets, float scale)
#define ADAMW                                                                                                        \
    (float *weight, const float *gradient, float *m, float *v, ptrdiff_t count, float gradient_scale, float rate,     \
     float beta1, float beta2, float epsilon, float decay, float bias1, float bias2)

#define DEFINE(SUFFIX, TARGET)                                                                                       \
    TARGET void kindred_rms_norm_gradient##SUFFIX RMS_NORM_GRADIENT {                                                \
        rms_norm_gradient_body(dx, dx_stride, dy, dy_stride, x, x_stride, weight, dweight, rows, columns, epsilon);  \
    }                                                                                                                \
    TARGET void kindred_softmax_gradient##SUFFIX SOFTMAX_GRADIENT {                                                  \
        softmax_gradient_body(gradient, p, stride, rows, columns, scale);                                            \
    }                                                                                                                \
    TARGET void kindred_silu_multiply_gradient##SUFFIX SILU_MULTIPLY_GRADIENT {                                      \
        silu_multiply_gradient_body(gate, up, stride, dy, dy_stride, rows, columns);                                 \
    }                                                                                                                \
    TARGET void kindred_dropout##SUFFIX DROPOUT {                                                                    \
        dropout_body(out, out_stride, in, in_stride, rows, columns, threshold, key, site, first_row, adding);        \
    }                                                                                                                \
    TARGET double kindred_cross_entropy##SUFFIX CROSS_ENTROPY {                                                      \
        return cross_entropy_body(logits, stride, rows, columns, targets, scale);                                    \
    }                                                                                                                \
    TARGET void kindred_adamw##SUFFIX ADAMW {                                                                        \
        adamw_body(weight, gradient, m, v, count, gradient_scale, rate, beta1, beta2, epsilon, decay, bias1, bias2); \
    }                                                                                                                \
    TARGET void kindred_add_scaled##SUFFIX(float *out, const float *in, ptrdiff_t count, float scale) {              \
        add_scaled_body(out, in, count, scale);                                                                      \
    }                                                                                                                \
    TARGET double kindred_square_sum##SUFFIX(const float *in, ptrdiff_t count) { return square_sum_body(in, count); }

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
    return NAME##_portable ARGUMENTS;

void kindred_rms_norm_gradient RMS_NORM_GRADIENT{DISPATCH(
    kindred_rms_norm_gradient, (dx, dx_stride, dy, dy_stride, x, x_stride, weight, dweight, rows, columns, epsilon))}

void kindred_softmax_gradient SOFTMAX_GRADIENT{
    DISPATCH(kindred_softmax_gradient, (gradient, p, stride, rows, columns, scale))}

void kindred_silu_multiply_gradient SILU_MULTIPLY_GRADIENT{
    DISPATCH(kindred_silu_multiply_gradient, (gate, up, stride, dy, dy_stride, rows, columns))}

void kindred_dropout DROPOUT{DISPATCH(
    kindred_dropout, (out, out_stride, in, in_stride, rows, columns, threshold, key, site, first_row, adding))}

double kindred_cross_entropy CROSS_ENTROPY{
    DISPATCH(kindred_cross_entropy, (logits, stride, rows, columns, targets, scale))}

void kindred_adamw ADAMW{DISPATCH(kindred_adamw, (weight, gradient, m, v, count, gradient_scale, rate, beta1, beta2,
                                                  epsilon, decay, bias1, bias2))}

void kindred_add_scaled(float *out, const float *in, ptrdiff_t count, float scale) {
    DISPATCH(kindred_add_scaled, (out, in, count, scale))
}

double kindred_square_sum(const float *in, ptrdiff_t count) { DISPATCH(kindred_square_sum, (in, count)) }
