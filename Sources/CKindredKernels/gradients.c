#include "kindred_gradients.h"

#include "lanes.h"

INLINE void rms_norm_gradient_body(float *dx, ptrdiff_t dx_stride, const float *dy, ptrdiff_t dy_stride, const float *x,
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

INLINE void softmax_gradient_body(float *gradient, const float *p, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
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

INLINE void silu_multiply_gradient_body(float *gate, float *up, ptrdiff_t stride, float *dy, ptrdiff_t dy_stride,
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

INLINE double cross_entropy_body(float *logits, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
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

INLINE void adamw_body(float *restrict weight, const float *restrict gradient, float *restrict m, float *restrict v,
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

INLINE void add_scaled_body(float *restrict out, const float *restrict in, ptrdiff_t count, float scale) {
    for (ptrdiff_t i = 0; i < count; i++) out[i] += scale * in[i];
}

INLINE double square_sum_body(const float *in, ptrdiff_t count) {
    double lanes[LANES] = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++) lanes[lane] += (double)in[i + lane] * (double)in[i + lane];
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += lanes[lane];
    for (; i < count; i++) sum += (double)in[i] * (double)in[i];
    return sum;
}

#define DEFINE(SUFFIX, TARGET, ...)                                                                                    \
    TARGET void kindred_rms_norm_gradient##SUFFIX(                                                                     \
        float *dx, ptrdiff_t dx_stride, const float *dy, ptrdiff_t dy_stride, const float *x, ptrdiff_t x_stride,      \
        const float *weight, float *dweight, ptrdiff_t rows, ptrdiff_t columns, float epsilon) {                       \
        rms_norm_gradient_body(dx, dx_stride, dy, dy_stride, x, x_stride, weight, dweight, rows, columns, epsilon);    \
    }                                                                                                                  \
    TARGET void kindred_softmax_gradient##SUFFIX(float *gradient, const float *p, ptrdiff_t stride, ptrdiff_t rows,    \
                                                 ptrdiff_t columns, float scale) {                                     \
        softmax_gradient_body(gradient, p, stride, rows, columns, scale);                                              \
    }                                                                                                                  \
    TARGET void kindred_silu_multiply_gradient##SUFFIX(float *gate, float *up, ptrdiff_t stride, float *dy,            \
                                                       ptrdiff_t dy_stride, ptrdiff_t rows, ptrdiff_t columns) {       \
        silu_multiply_gradient_body(gate, up, stride, dy, dy_stride, rows, columns);                                   \
    }                                                                                                                  \
    TARGET double kindred_cross_entropy##SUFFIX(float *logits, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,    \
                                                const int32_t *targets, float scale) {                                 \
        return cross_entropy_body(logits, stride, rows, columns, targets, scale);                                      \
    }                                                                                                                  \
    TARGET void kindred_adamw##SUFFIX(float *weight, const float *gradient, float *m, float *v, ptrdiff_t count,       \
                                      float gradient_scale, float rate, float beta1, float beta2, float epsilon,       \
                                      float decay, float bias1, float bias2) {                                         \
        adamw_body(weight, gradient, m, v, count, gradient_scale, rate, beta1, beta2, epsilon, decay, bias1, bias2);   \
    }                                                                                                                  \
    TARGET void kindred_add_scaled##SUFFIX(float *out, const float *in, ptrdiff_t count, float scale) {                \
        add_scaled_body(out, in, count, scale);                                                                        \
    }                                                                                                                  \
    TARGET double kindred_square_sum##SUFFIX(const float *in, ptrdiff_t count) { return square_sum_body(in, count); }

DEFINE(_portable, )
FLOAT_VARIANTS(DEFINE)

void kindred_rms_norm_gradient(float *dx, ptrdiff_t dx_stride, const float *dy, ptrdiff_t dy_stride, const float *x,
                               ptrdiff_t x_stride, const float *weight, float *dweight, ptrdiff_t rows,
                               ptrdiff_t columns, float epsilon) {
    DISPATCH(FLOAT_VARIANTS, kindred_rms_norm_gradient,
             (dx, dx_stride, dy, dy_stride, x, x_stride, weight, dweight, rows, columns, epsilon))
}

void kindred_softmax_gradient(float *gradient, const float *p, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                              float scale) {
    DISPATCH(FLOAT_VARIANTS, kindred_softmax_gradient, (gradient, p, stride, rows, columns, scale))
}

void kindred_silu_multiply_gradient(float *gate, float *up, ptrdiff_t stride, float *dy, ptrdiff_t dy_stride,
                                    ptrdiff_t rows, ptrdiff_t columns) {
    DISPATCH(FLOAT_VARIANTS, kindred_silu_multiply_gradient, (gate, up, stride, dy, dy_stride, rows, columns))
}

double kindred_cross_entropy(float *logits, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, const int32_t *targets,
                             float scale) {
    DISPATCH(FLOAT_VARIANTS, kindred_cross_entropy, (logits, stride, rows, columns, targets, scale))
}

void kindred_adamw(float *weight, const float *gradient, float *m, float *v, ptrdiff_t count, float gradient_scale,
                   float rate, float beta1, float beta2, float epsilon, float decay, float bias1, float bias2) {
    DISPATCH(FLOAT_VARIANTS, kindred_adamw,
             (weight, gradient, m, v, count, gradient_scale, rate, beta1, beta2, epsilon, decay, bias1, bias2))
}

void kindred_add_scaled(float *out, const float *in, ptrdiff_t count, float scale) {
    DISPATCH(FLOAT_VARIANTS, kindred_add_scaled, (out, in, count, scale))
}

double kindred_square_sum(const float *in, ptrdiff_t count) {
    DISPATCH(FLOAT_VARIANTS, kindred_square_sum, (in, count))
}
