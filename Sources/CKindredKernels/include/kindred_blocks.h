// Weights in blocks of a few bits with scales of their own, as GGUF files hold them (github.com/ggml-org/ggml,
// ggml-common.h for the layouts, ggml-quants.c for the arithmetic), turned into floats.
//
// Kinds ending in 0 or 1 have blocks of 32 numbers: a scale d in half precision, with 1 also a minimum m, then the
// numbers; a fifth bit lies in a word before them. Kinds ending in K have blocks of 256, in parts of 16 or 32 whose
// scales have 4, 6 or 8 bits and are multiples of the block's d; those of Q2_K, Q4_K and Q5_K also have minima.
#ifndef KINDRED_BLOCKS_H
#define KINDRED_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

enum kindred_block_kind {
    KINDRED_Q4_0,
    KINDRED_Q4_1,
    KINDRED_Q5_0,
    KINDRED_Q5_1,
    KINDRED_Q8_0,
    KINDRED_Q2_K,
    KINDRED_Q3_K,
    KINDRED_Q4_K,
    KINDRED_Q5_K,
    KINDRED_Q6_K,
};

/// Numbers of a block.
ptrdiff_t kindred_block_numbers(enum kindred_block_kind kind);

/// Bytes of a block.
ptrdiff_t kindred_block_bytes(enum kindred_block_kind kind);

/// The numbers of `blocks` blocks as floats. Nothing needs alignment.
void kindred_blocks_to_f32(float *out, const uint8_t *in, ptrdiff_t blocks, enum kindred_block_kind kind);

#endif
