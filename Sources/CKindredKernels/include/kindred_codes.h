// Products of a coded query with rows of 4-bit codes: what a walk over the graph spends its time on.
//
// A plane holds a nibble for each dimension of each row. A row is `blocks` blocks of 64 bytes; byte j of block b holds
// the nibble of dimension 128 b + j in its low half and that of dimension 128 b + 64 + j in its high half. A query
// has 128 signed bytes for each block, -127...127, in the order of the dimensions. Dimensions beyond the last are zero
// in the query.
//
// Sums are integers, so every variant gives the same. With nibbles at most 15 a sum of two products fits the 16 bits
// of AVX2's multiply; a whole row fits 32 bits up to 2^20 dimensions.
#ifndef KINDRED_CODES_H
#define KINDRED_CODES_H

#include <stddef.h>
#include <stdint.h>

#define KINDRED_CODE_FUNCTIONS(SUFFIX)                                                                               \
    /* out[i] = sum over dimensions of plane[rows[i]] * query, for i < count. The caller has checked the rows. */     \
    void kindred_code_products##SUFFIX(int32_t *out, const uint8_t *plane, ptrdiff_t blocks, const int8_t *query,     \
                                       const uint32_t *rows, ptrdiff_t count);

KINDRED_CODE_FUNCTIONS()
KINDRED_CODE_FUNCTIONS(_portable)
KINDRED_CODE_FUNCTIONS(_avx2)         // to be called only with KINDRED_AVX2; the portable one elsewhere
KINDRED_CODE_FUNCTIONS(_avx512_vnni)  // to be called only with KINDRED_AVX512_VNNI; the portable one elsewhere
KINDRED_CODE_FUNCTIONS(_neon)         // to be called only with KINDRED_NEON; the portable one elsewhere

#endif
