// The element-wise parts of a decoder's layers, in 32-bit floats. Matrix products are BLAS's.
//
// Matrices are rows of `columns` elements; rows may be wider than the part that is worked on: `stride` is the distance
// between rows in elements. Nothing needs alignment. Unless said otherwise arguments do not overlap. Variants
// (kindred_features.h) differ in the last bits only (the order of sums, fused multiply-add).
#ifndef KINDRED_LAYERS_H
#define KINDRED_LAYERS_H

#include <stddef.h>
#include <stdint.h>

/// What a feed-forward layer does to each element (transformers, activations.py): x / (1 + e^-x); x times the normal
/// distribution's function, exactly (to 2e-7) or by tanh; the larger of x and 0.
enum kindred_activation { KINDRED_SILU, KINDRED_GELU, KINDRED_GELU_TANH, KINDRED_RELU };

/// RMSNorm (Zhang and Sennrich 2019): out[r] = in[r] / sqrt(mean(in[r]^2) + epsilon) * weight. `weight` has `columns`
/// elements. out may be in.
void kindred_rms_norm(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, const float *weight,
                      ptrdiff_t rows, ptrdiff_t columns, float epsilon);

/// Softmax of scale * scores over the first `visible` columns of a row, zero in the rest; in place. `visible` is
/// `columns`, or in row r with `causal` the smaller of r + 1 and `columns`.
void kindred_softmax(float *scores, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale, int causal);

/// Layer normalization (Ba et al. 2016): out[r] = (in[r] - mean) / sqrt(variance + epsilon) * weight + bias. `weight`
/// and `bias` have `columns` elements. out may be in.
void kindred_layer_norm(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, const float *weight,
                        const float *bias, ptrdiff_t rows, ptrdiff_t columns, float epsilon);

/// x[r] = activation(x[r]), times up[r] unless `up` is NULL; in place.
void kindred_activate(float *x, ptrdiff_t stride, const float *up, ptrdiff_t up_stride, ptrdiff_t rows,
                      ptrdiff_t columns, enum kindred_activation activation);

/// Soft cap of scores (Gemma 2, section 2): x[r] = cap * tanh(scale * x[r] / cap); in place. cap > 0.
void kindred_cap(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns, float scale, float cap);

/// Rotates each pair (x[i], x[i + half]) of a head by its position's angle (Su et al. 2021), in the order of Hugging
/// Face's Llama; in place. Row r has `heads` heads of 2 * half elements. cosines and sines: rows x half, without gaps.
void kindred_rotate(float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t half, const float *cosines,
                    const float *sines);

// Variants.
__typeof__(kindred_rms_norm) kindred_rms_norm_portable, kindred_rms_norm_avx2, kindred_rms_norm_avx512;
__typeof__(kindred_softmax) kindred_softmax_portable, kindred_softmax_avx2, kindred_softmax_avx512;
__typeof__(kindred_layer_norm) kindred_layer_norm_portable, kindred_layer_norm_avx2, kindred_layer_norm_avx512;
__typeof__(kindred_activate) kindred_activate_portable, kindred_activate_avx2, kindred_activate_avx512;
__typeof__(kindred_cap) kindred_cap_portable, kindred_cap_avx2, kindred_cap_avx512;
__typeof__(kindred_rotate) kindred_rotate_portable, kindred_rotate_avx2, kindred_rotate_avx512;

/// `count` bfloat16 numbers as floats, exactly. Nothing needs alignment.
void kindred_bf16_to_f32(float *out, const uint16_t *in, ptrdiff_t count);

/// `count` IEEE half-precision numbers as floats, exactly. Nothing needs alignment.
void kindred_f16_to_f32(float *out, const uint16_t *in, ptrdiff_t count);

#endif
