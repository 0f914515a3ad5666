// The element-wise parts of a decoder's layers, in 32-bit floats. Matrix products are BLAS's.
//
// Rows may be wider than the part that is worked on: `stride` is the distance between rows in elements. Nothing needs
// alignment. Unless said otherwise arguments do not overlap. Each function runs the widest variant that the processor
// has; variants differ in the last bits only (the order of sums, fused multiply-add).
#ifndef KINDRED_LAYERS_H
#define KINDRED_LAYERS_H

#include <stddef.h>
#include <stdint.h>

/// What a feed-forward layer does to each element (transformers, activations.py): x / (1 + e^-x); x times the normal
/// distribution's function, exactly (to 2e-7) or by tanh; the larger of x and 0.
enum kindred_activation { KINDRED_SILU, KINDRED_GELU, KINDRED_GELU_TANH, KINDRED_RELU };

#define KINDRED_LAYER_FUNCTIONS(SUFFIX)                                                                              \
    /* out[r] = in[r] / sqrt(mean(in[r]^2) + epsilon) * weight (Zhang and Sennrich 2019). out may be in. */           \
    void kindred_rms_norm##SUFFIX(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride,             \
                                  const float *weight, ptrdiff_t rows, ptrdiff_t columns, float epsilon);             \
    /* Softmax of scale * scores over the first `visible` columns of a row, zero in the rest; in place.              \
       visible = columns, or with `causal` row + 1. */                                                               \
    void kindred_softmax##SUFFIX(float *scores, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale,     \
                                 int causal);                                                                        \
    /* out[r] = (in[r] - mean) / sqrt(variance + epsilon) * weight + bias (Ba et al. 2016). out may be in. */          \
    void kindred_layer_norm##SUFFIX(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride,           \
                                    const float *weight, const float *bias, ptrdiff_t rows, ptrdiff_t columns,        \
                                    float epsilon);                                                                  \
    /* x[r] = activation(x[r]), times up[r] unless up is NULL; in place. */                                           \
    void kindred_activate##SUFFIX(float *x, ptrdiff_t stride, const float *up, ptrdiff_t up_stride, ptrdiff_t rows,   \
                                  ptrdiff_t columns, enum kindred_activation activation);                            \
    /* x[r] = cap * tanh(scale * x[r] / cap); in place. */                                                            \
    void kindred_cap##SUFFIX(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale, float cap);  \
    /* Rotates each pair (x[i], x[i + half]) of a head by its position's angle (Su et al. 2021), in the order of     \
       Hugging Face's Llama. cosines and sines: rows x half. Row r has `heads` heads of 2 * half elements. */         \
    void kindred_rotate##SUFFIX(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t half,          \
                                const float *cosines, const float *sines);

KINDRED_LAYER_FUNCTIONS()
KINDRED_LAYER_FUNCTIONS(_portable)
KINDRED_LAYER_FUNCTIONS(_avx2)    // to be called only with KINDRED_AVX2; the portable one elsewhere
KINDRED_LAYER_FUNCTIONS(_avx512)  // to be called only with KINDRED_AVX512; the portable one elsewhere

/// count bfloat16 or IEEE half-precision numbers as floats, exactly.
void kindred_bf16_to_f32(float *out, const uint16_t *in, ptrdiff_t count);
void kindred_f16_to_f32(float *out, const uint16_t *in, ptrdiff_t count);

#endif
