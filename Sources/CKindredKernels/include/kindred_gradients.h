// The element-wise parts of training: gradients of a decoder's layers, dropout, the loss over a vocabulary, the
// optimizer's step. Matrix products are elsewhere.
//
// Rows may be wider than the part that is worked on: `stride` is the distance between rows in elements. Nothing needs
// alignment. Unless said otherwise arguments do not overlap. Variants differ in the last bits only; those of dropout
// not at all.
#ifndef KINDRED_GRADIENTS_H
#define KINDRED_GRADIENTS_H

#include <stddef.h>
#include <stdint.h>

#define KINDRED_GRADIENT_FUNCTIONS(SUFFIX)                                                                           \
    /* For y = x f w, f = 1 / sqrt(mean(x^2) + epsilon):                                                             \
       dx[r] += f (dy w) - x f^3 / columns * sum(dy w x), and dweight += sum over rows of dy x f unless NULL. */     \
    void kindred_rms_norm_gradient##SUFFIX(float *dx, ptrdiff_t dx_stride, const float *dy, ptrdiff_t dy_stride,      \
                                           const float *x, ptrdiff_t x_stride, const float *weight, float *dweight,   \
                                           ptrdiff_t rows, ptrdiff_t columns, float epsilon);                         \
    /* For p = softmax(scale s), a row at a time: gradient = scale p (gradient - sum(gradient p)), in place. */       \
    void kindred_softmax_gradient##SUFFIX(float *gradient, const float *p, ptrdiff_t stride, ptrdiff_t rows,          \
                                          ptrdiff_t columns, float scale);                                            \
    /* For y = silu(gate) up: gate and up are overwritten by their gradients, y by itself if it is wanted later       \
       (dy holds the gradient of y on entry, and y on return). */                                                     \
    void kindred_silu_multiply_gradient##SUFFIX(float *gate, float *up, ptrdiff_t stride, float *dy,                  \
                                                ptrdiff_t dy_stride, ptrdiff_t rows, ptrdiff_t columns);              \
    /* out[r] = in[r] * keep / (1 - rate), keep 1 with probability 1 - rate, else 0; adding: out[r] += that.          \
       Which elements are kept is Philox4x32-10's choice (Salmon et al. 2011) of the key and the counter              \
       (block, first_row + r, site_low, site_high): 16 bits an element. out may be in.                                \
       threshold = round(rate 65536). */                                                                              \
    void kindred_dropout##SUFFIX(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride,              \
                                 ptrdiff_t rows, ptrdiff_t columns, uint32_t threshold, uint64_t key, uint64_t site,  \
                                 uint32_t first_row, int adding);                                                     \
    /* Cross entropy of each row of logits with its target; the row becomes scale (softmax - one-hot).                \
       Returns the sum of the losses, not scaled. Every target is below columns. */                                   \
    double kindred_cross_entropy##SUFFIX(float *logits, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,          \
                                         const int32_t *targets, float scale);                                        \
    /* AdamW (Loshchilov and Hutter 2019): moments, then                                                              \
       weight -= rate (decay weight + m / bias1 / (sqrt(v / bias2) + epsilon)), as torch.optim.AdamW rounds it.       \
       The gradient is scaled first. */                                                                               \
    void kindred_adamw##SUFFIX(float *weight, const float *gradient, float *m, float *v, ptrdiff_t count,             \
                               float gradient_scale, float rate, float beta1, float beta2, float epsilon,             \
                               float decay, float bias1, float bias2);                                                \
    /* out += scale * in */                                                                                           \
    void kindred_add_scaled##SUFFIX(float *out, const float *in, ptrdiff_t count, float scale);                       \
    /* Sum of squares, in double precision. */                                                                        \
    double kindred_square_sum##SUFFIX(const float *in, ptrdiff_t count);

KINDRED_GRADIENT_FUNCTIONS()
KINDRED_GRADIENT_FUNCTIONS(_portable)
KINDRED_GRADIENT_FUNCTIONS(_avx2)    // to be called only with KINDRED_AVX2; the portable one elsewhere
KINDRED_GRADIENT_FUNCTIONS(_avx512)  // to be called only with KINDRED_AVX512; the portable one elsewhere

#endif
