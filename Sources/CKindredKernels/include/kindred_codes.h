// Vectors as runs of 4-bit codes: how they are packed, and their products with a coded query.
//
// A packed run of m nibbles takes (m + 1) / 2 bytes in blocks of 64 bytes for 128 dimensions: byte j of block b holds
// the nibble of dimension 128 b + j in its low half and that of dimension 128 b + 64 + j in its high half. In a last
// block of k < 128 dimensions the high halves start at dimension (k + 1) / 2 of the block. A query has 128 signed
// bytes for each block, arranged alike: byte j of the low halves at 128 b + j, of the high halves at 128 b + 64 + j,
// and zero where the run has no dimension. So whole blocks are read, also where a run ends within one: the bytes
// behind it do not count, but must be readable.
//
// A vector of d dimensions is coded in up to four groups of dimensions, each with 1 to 3 nibbles a dimension and a
// unit: code u in 0 ..< 16^nibbles stands for factor * unit * (u - (16^nibbles - 1) / 2). Two rows of bytes hold it:
//
//   head: head_blocks * 64 bytes. The most significant nibbles of the first head_groups groups, each group packed from
//   a
//         block of its own on; zeros; where there is a bias its float; the head's factor, a float, in the last 4 bytes.
//   rest: the other nibbles of each group, most significant first, each plane a packed run; the factor of the whole
//         code, a float, at the end.
//
// A group's weight in the head is what its most significant nibble stands for, against group 0's.
//
// Sums are integers and floats are rounded after each operation, so every variant (kindred_features.h) gives the same
// bits. Nothing needs alignment; arguments do not overlap. With nibbles at most 15 a sum of two products fits the 16
// bits of AVX2's multiply; a run of up to 2^20 dimensions fits 32 bits.
#ifndef KINDRED_CODES_H
#define KINDRED_CODES_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    ptrdiff_t dimensions;
    int32_t nibbles;  ///< a dimension
    float unit;
} kindred_code_group;

typedef struct {
    kindred_code_group groups[4];
    int32_t group_count;
    int32_t head_groups;
    int32_t has_bias;
    ptrdiff_t head_blocks;
    ptrdiff_t rest_stride;  ///< bytes of a rest row
} kindred_code_layout;

/// A plane of nibbles in a row, with the query's two signed bytes a dimension, 128 high + low.
typedef struct {
    const uint8_t *plane;  ///< of row 0
    ptrdiff_t stride;      ///< bytes from row to row
    ptrdiff_t blocks;
    const int8_t *high;
    const int8_t *low;
    double weight;  ///< of one unit of the product
} kindred_code_run;

/// out[i] = the sum over dimensions of the nibbles of row rows[i] * query, for i < count.
///
/// - `plane`: row 0 of a packed run of `blocks` blocks, `stride` bytes from row to row.
/// - `query`: blocks * 128 signed bytes.
void kindred_code_products(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks, const int8_t *query,
                           const uint32_t *rows, ptrdiff_t count);

/// Codes `count` vectors, rows of the groups' dimensions of floats without gaps, into rows of head and rest: each code
/// rounded to the nearest, the factors such that the inner product of a vector with what its codes stand for is its
/// square (for the head: over the head's groups).
///
/// - `bias`: an element for each vector where the layout has one, else not read.
/// - `work`: an element for each dimension.
void kindred_encode(uint8_t *head, uint8_t *rest, const float *vectors, const float *bias, ptrdiff_t count,
                    const kindred_code_layout *layout, uint16_t *work);

/// out[i] = offset + factor of row rows[i] * (the sum over runs of weight * product - constant), plus the row's bias,
/// for i < count. Sums are in double precision, in the order of the runs.
///
/// - `factor`, `bias`: those of row 0, `factor_stride` and `bias_stride` bytes from row to row, in any alignment;
/// `bias`
///   may be NULL. The `factor_stride` bytes up to a row's factor are prefetched.
void kindred_rescore(float *out, const kindred_code_run *runs, ptrdiff_t run_count, double constant, float offset,
                     const uint8_t *factor, ptrdiff_t factor_stride, const uint8_t *bias, ptrdiff_t bias_stride,
                     const uint32_t *rows, ptrdiff_t count);

// Variants.
__typeof__(kindred_code_products) kindred_code_products_portable, kindred_code_products_avx2,
    kindred_code_products_avx512_vnni, kindred_code_products_neon;
__typeof__(kindred_encode) kindred_encode_portable, kindred_encode_avx2, kindred_encode_avx512_vnni,
    kindred_encode_neon;
__typeof__(kindred_rescore) kindred_rescore_portable, kindred_rescore_avx2, kindred_rescore_avx512_vnni,
    kindred_rescore_neon;

/// The vector that a row's codes stand for: the groups' dimensions of floats.
void kindred_decode(float *vector, const uint8_t *head, const uint8_t *rest, const kindred_code_layout *layout);

/// The most significant nibbles h of a group of `dimensions` dimensions, from its first block on, as bytes 60 + v,
/// v = (2 h - 15) weight / 16 rounded to the nearest, ties up; 128 bytes for each block: byte j of block b is that of
/// the run's low half j, byte 64 + j that of its high half. 60, which counts as 0, where there is no dimension. 0 <=
/// weight <= 64.
void kindred_unpack_head(uint8_t *out, const uint8_t *head, ptrdiff_t blocks, ptrdiff_t dimensions, int32_t weight);

#endif
