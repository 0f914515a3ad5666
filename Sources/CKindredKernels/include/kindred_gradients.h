// The element-wise parts of training: gradients of a decoder's layers, dropout, the loss over a vocabulary, the
// optimizer's step. Matrix products are elsewhere.
//
// Matrices are rows of `columns` elements; rows may be wider than the part that is worked on: `stride` is the distance
// between rows in elements. Nothing needs alignment. Unless said otherwise arguments do not overlap. Variants
// (kindred_features.h) differ in the last bits only; those of dropout not at all.
#ifndef KINDRED_GRADIENTS_H
#define KINDRED_GRADIENTS_H

#include <stddef.h>
#include <stdint.h>

/// Gradient of RMSNorm y = x f w, f = 1 / sqrt(mean(x^2) + epsilon):
/// dx[r] += f (dy w) - x f^3 / columns * sum(dy w x), and dweight += the sum over rows of dy x f unless `dweight` is
/// NULL. `weight` and `dweight` have `columns` elements.
void kindred_rms_norm_gradient(float *dx, ptrdiff_t dx_stride, const float *dy, ptrdiff_t dy_stride, const float *x,
                               ptrdiff_t x_stride, const float *weight, float *dweight, ptrdiff_t rows,
                               ptrdiff_t columns, float epsilon);

/// Gradient of p = softmax(scale s), a row at a time: gradient = scale p (gradient - sum(gradient p)), in place.
/// `stride` is that of both.
void kindred_softmax_gradient(float *gradient, const float *p, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                              float scale);

/// Gradient of y = silu(gate) up: gate and up are overwritten by their gradients. dy holds the gradient of y on entry
/// and y on return. `stride` is that of gate and of up.
void kindred_silu_multiply_gradient(float *gate, float *up, ptrdiff_t stride, float *dy, ptrdiff_t dy_stride,
                                    ptrdiff_t rows, ptrdiff_t columns);

/// Dropout: out[r] = in[r] * keep / (1 - rate), keep 1 with probability 1 - rate, else 0; with `adding` out[r] += that.
/// threshold = round(65536 rate), below 65536. out may be in.
///
/// Which elements are kept is Philox4x32-10's choice (Salmon et al. 2011) of the key and the counter
/// (block, first_row + r, low half of site, high half of site): 16 bits an element.
void kindred_dropout(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                     ptrdiff_t columns, uint32_t threshold, uint64_t key, uint64_t site, uint32_t first_row,
                     int adding);

/// Cross entropy of each row of logits with its target; the row becomes scale (softmax - one-hot). Every target is
/// below `columns`.
/// @return the sum of the losses, in nats and not scaled.
double kindred_cross_entropy(float *logits, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, const int32_t *targets,
                             float scale);

/// A step of AdamW (Loshchilov and Hutter 2019) on `count` elements: the moments m and v of
/// gradient_scale * gradient, then weight -= rate (decay weight + m / bias1 / (sqrt(v / bias2) + epsilon)), rounded as
/// torch.optim.AdamW rounds it. bias1 = 1 - beta1^t and bias2 = 1 - beta2^t in step t.
void kindred_adamw(float *weight, const float *gradient, float *m, float *v, ptrdiff_t count, float gradient_scale,
                   float rate, float beta1, float beta2, float epsilon, float decay, float bias1, float bias2);

/// out += scale * in, `count` elements.
void kindred_add_scaled(float *out, const float *in, ptrdiff_t count, float scale);

/// The sum of the squares of `count` elements, in double precision.
double kindred_square_sum(const float *in, ptrdiff_t count);

// Variants.
__typeof__(kindred_rms_norm_gradient) kindred_rms_norm_gradient_portable, kindred_rms_norm_gradient_avx2,
    kindred_rms_norm_gradient_avx512;
__typeof__(kindred_softmax_gradient) kindred_softmax_gradient_portable, kindred_softmax_gradient_avx2,
    kindred_softmax_gradient_avx512;
__typeof__(kindred_silu_multiply_gradient) kindred_silu_multiply_gradient_portable, kindred_silu_multiply_gradient_avx2,
    kindred_silu_multiply_gradient_avx512;
__typeof__(kindred_dropout) kindred_dropout_portable, kindred_dropout_avx2, kindred_dropout_avx512;
__typeof__(kindred_cross_entropy) kindred_cross_entropy_portable, kindred_cross_entropy_avx2,
    kindred_cross_entropy_avx512;
__typeof__(kindred_adamw) kindred_adamw_portable, kindred_adamw_avx2, kindred_adamw_avx512;
__typeof__(kindred_add_scaled) kindred_add_scaled_portable, kindred_add_scaled_avx2, kindred_add_scaled_avx512;
__typeof__(kindred_square_sum) kindred_square_sum_portable, kindred_square_sum_avx2, kindred_square_sum_avx512;

#endif
