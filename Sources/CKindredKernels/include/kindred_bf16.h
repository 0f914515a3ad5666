// Matrix products in bfloat16 with sums in 32-bit floats: half the memory of floats, and twice the speed where the
// processor multiplies pairs (AVX512_BF16).
//
// The right factor is packed: panels of 64 columns; in a panel, for each pair of the inner dimension, 64 pairs
// (column j: elements 2p and 2p + 1). Columns beyond the last and an odd inner dimension are filled with zeros. The
// left factor has rows of bfloat16 whose stride is even and which hold a zero after an odd inner dimension.
//
// Strides are distances between rows in elements. Nothing needs alignment; arguments do not overlap. Variants
// (kindred_features.h) differ in the order of sums, and AVX512_BF16 takes subnormal numbers as zero.
#ifndef KINDRED_BF16_H
#define KINDRED_BF16_H

#include <stddef.h>
#include <stdint.h>

/// Elements that `columns` packed columns of `inner` elements take.
static inline ptrdiff_t kindred_bf16_packed_count(ptrdiff_t columns, ptrdiff_t inner) {
    return (columns + 63) / 64 * 64 * ((inner + 1) / 2 * 2);
}

/// Rows of floats as rows of bfloat16, rounded to nearest even, NaN kept; zeros from `columns` up to `out_stride`.
void kindred_bf16_rows(uint16_t *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                       ptrdiff_t columns);

/// The transpose of rows x columns floats as `columns` rows of bfloat16, rounded alike; zeros from `rows` up to
/// `out_stride`.
void kindred_bf16_transposed(uint16_t *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                             ptrdiff_t columns);

/// Packs the right factor, rounded alike, into `kindred_bf16_packed_count(columns, inner)` elements. Its column j is
/// row j of `in` (columns x inner), or with `transposed` column j of `in` (inner x columns).
void kindred_bf16_pack(uint16_t *out, const float *in, ptrdiff_t in_stride, ptrdiff_t columns, ptrdiff_t inner,
                       int transposed);

/// out (rows x columns) = a (rows x inner) · packed (inner x columns), or += with `adding`.
void kindred_bf16_multiply(float *out, ptrdiff_t out_stride, const uint16_t *a, ptrdiff_t a_stride,
                           const uint16_t *packed, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, int adding);

// Variants.
__typeof__(kindred_bf16_rows) kindred_bf16_rows_portable, kindred_bf16_rows_avx2, kindred_bf16_rows_avx512_bf16;
__typeof__(kindred_bf16_transposed) kindred_bf16_transposed_portable, kindred_bf16_transposed_avx2,
    kindred_bf16_transposed_avx512_bf16;
__typeof__(kindred_bf16_pack) kindred_bf16_pack_portable, kindred_bf16_pack_avx2, kindred_bf16_pack_avx512_bf16;
__typeof__(kindred_bf16_multiply) kindred_bf16_multiply_portable, kindred_bf16_multiply_avx2,
    kindred_bf16_multiply_avx512_bf16;

#endif
