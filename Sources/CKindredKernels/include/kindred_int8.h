// Matrix products in 8-bit integers with exact 32-bit sums: a quarter of the memory of floats, and four times the speed
// where the processor adds up bytes (AVX512_VNNI).
//
// The right factor, a layer's weights, is quantized for each column and packed: panels of 16 columns; in a panel, for
// each four of the inner dimension, 16 groups of four signed bytes. Columns beyond the last, up to a multiple of 64,
// and what is missing to a multiple of four are zeros.
//
// The left factor, activations, is quantized for each row: numbers q from -127 to 127, filled up to a multiple of four,
// in the form that the variant multiplies: 16-bit q with AVX2, else bytes q + 128. A left factor is for the variant
// that made it; its memory, `kindred_int8_row_bytes` a row, is enough for either form.
//
// Sums are integers: every variant gives the same bits. |q · w| summed over `inner` stays below 2^31 up to an inner
// dimension of 66,000. The left factor is aligned to 2 bytes, nothing else needs alignment; arguments do not overlap.
#ifndef KINDRED_INT8_H
#define KINDRED_INT8_H

#include <stddef.h>
#include <stdint.h>

/// Numbers of a row of the left factor.
static inline ptrdiff_t kindred_int8_stride(ptrdiff_t inner) { return (inner + 3) / 4 * 4; }

/// Bytes to reserve for a row of the left factor.
static inline ptrdiff_t kindred_int8_row_bytes(ptrdiff_t inner) { return 2 * kindred_int8_stride(inner); }

/// Elements of the `work` of a product: eight widened columns.
static inline ptrdiff_t kindred_int8_work_count(ptrdiff_t inner) { return 8 * kindred_int8_stride(inner); }

/// Bytes that `columns` packed columns of `inner` elements take.
static inline ptrdiff_t kindred_int8_packed_count(ptrdiff_t columns, ptrdiff_t inner) {
    return (columns + 63) / 64 * 64 * kindred_int8_stride(inner);
}

/// Quantizes row r of `in` (rows x columns): scales[r] = max |in[r]| / 127, out[r] = in[r] / scales[r] to the nearest,
/// ties to even. A row of zeros has the scale 0.
void kindred_int8_quantize(int8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                           ptrdiff_t columns);

/// The rows of `in` (rows x columns) whose largest magnitude is more than `ratio` times their root mean square, in
/// order: their numbers in `out`, which has room for `rows`. A row that is not finite is none of them.
/// @return how many there are.
ptrdiff_t kindred_int8_outlier_rows(int32_t *out, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                                    ptrdiff_t columns, float ratio);

/// What quantization leaves of the chosen rows of `in`: out[i] = in[chosen[i]] - scale * q, with the numbers q and the
/// scale that `kindred_int8_rows` gives that row. out has count x columns elements.
void kindred_int8_residuals(float *out, const float *in, ptrdiff_t in_stride, const int32_t *chosen, ptrdiff_t count,
                            ptrdiff_t columns);

/// Packs `columns` x `inner` quantized weights, and sums each column: sums has `columns` elements.
void kindred_int8_pack(int8_t *packed, int32_t *sums, const int8_t *in, ptrdiff_t columns, ptrdiff_t inner);

/// Rows of floats (rows x columns) as a left factor and its scales, rounded as `kindred_int8_quantize` does. A row that
/// is not finite has a scale that is not. `out` has `kindred_int8_row_bytes(columns)` bytes a row.
void kindred_int8_rows(uint8_t *out, float *scales, const float *in, ptrdiff_t in_stride, ptrdiff_t rows,
                       ptrdiff_t columns);

/// out (rows x columns) = row_scales · (a · packed) · column_scales, or += with `adding`.
///
/// - `a` and `row_scales`: a left factor of `rows` rows of `inner` numbers, made by the same variant.
/// - `packed` and `sums`: of `kindred_int8_pack`; `column_scales` has `columns` elements.
/// - `work`: `kindred_int8_work_count(inner)` elements.
void kindred_int8_multiply(float *out, ptrdiff_t out_stride, const uint8_t *a, const float *row_scales,
                           const int8_t *packed, const float *column_scales, const int32_t *sums, ptrdiff_t rows,
                           ptrdiff_t columns, ptrdiff_t inner, int adding, int16_t *work);

// Variants.
__typeof__(kindred_int8_rows) kindred_int8_rows_portable, kindred_int8_rows_avx2, kindred_int8_rows_avx_vnni,
    kindred_int8_rows_avx512_vnni, kindred_int8_rows_neon;
__typeof__(kindred_int8_multiply) kindred_int8_multiply_portable, kindred_int8_multiply_avx2,
    kindred_int8_multiply_avx_vnni, kindred_int8_multiply_avx512_vnni, kindred_int8_multiply_neon;

#endif
