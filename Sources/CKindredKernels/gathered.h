// Rows of head codes unpacked for neighbors.c, and the distances between them. Not part of the module's interface.
#ifndef KINDRED_GATHERED_H
#define KINDRED_GATHERED_H

#include "kindred_neighbors.h"
#include "products.h"

enum { TILE = 16 };

// The parts of `work` for n rows, n rounded up to whole tiles.
typedef struct {
    ptrdiff_t padded, width;
    uint8_t *bytes;  // padded rows of width bytes 60 + v
    int8_t *packed;  // the same less 60, as gram_products wants them
    int32_t *sums;   // TILE rows of padded
    float *norms, *factors, *centres, *extras, *distances;
} gathered;

INLINE ptrdiff_t rounded(ptrdiff_t n, ptrdiff_t unit) { return (n + unit - 1) / unit * unit; }

INLINE gathered places(uint8_t *work, ptrdiff_t rows, ptrdiff_t blocks) {
    gathered g;
    g.padded = rounded(rows, 64);
    g.width = blocks * 2 * BLOCK;
    g.bytes = work;
    g.packed = (int8_t *)(g.bytes + g.padded * g.width);
    g.sums = (int32_t *)(g.packed + g.padded * g.width);
    g.norms = (float *)(g.sums + TILE * g.padded);
    g.factors = g.norms + g.padded;
    g.centres = g.factors + g.padded;
    g.extras = g.centres + g.padded;
    g.distances = g.extras + g.padded;
    return g;
}

// Unpacks one row and computes what distances to it need.
INLINE void gather_row(gathered *g, ptrdiff_t i, const kindred_heads *heads, uint32_t row) {
    const uint8_t *head = heads->plane + (ptrdiff_t)row * heads->blocks * BLOCK;
    uint8_t *bytes = g->bytes + i * g->width;
    ptrdiff_t block = 0;
    for (int32_t group = 0; group < heads->group_count; group++) {
        // The last group has the blocks that are left, also those without a dimension.
        const ptrdiff_t blocks =
            group + 1 == heads->group_count ? heads->blocks - block : heads->dimensions[group] / (2 * BLOCK);
        unpack_head(bytes + block * 2 * BLOCK, head + block * BLOCK, blocks, heads->dimensions[group],
                    heads->weights[group]);
        block += blocks;
    }
    int32_t square = 0, sum = 0;
    for (ptrdiff_t k = 0; k < g->width; k++) {
        int32_t value = (int32_t)bytes[k] - CENTRE;
        square += value * value;
        sum += value;
    }
    float factor;
    memcpy(&factor, head + heads->blocks * BLOCK - 4, 4);
    factor *= 2;
    g->factors[i] = factor;
    g->norms[i] = factor * factor * (float)square;
    g->centres[i] = (float)(CENTRE * sum);
    g->extras[i] = heads->extra ? heads->extra[row] : 0;
}

INLINE void gather(gathered *g, const kindred_heads *heads, const uint32_t *rows, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        __builtin_prefetch(heads->plane + (ptrdiff_t)rows[i + 8 < count ? i + 8 : i] * heads->blocks * BLOCK);
        gather_row(g, i, heads, rows[i]);
    }
}

INLINE void pack_columns(gathered *g, ptrdiff_t count) {
    enum { TOGETHER = 16, PIECE = 2 * BLOCK };
    int8_t rows[TOGETHER][PIECE];
    for (ptrdiff_t j = 0; j < g->padded; j += TOGETHER) {
        for (ptrdiff_t start = 0; start < g->width; start += PIECE) {
            for (ptrdiff_t r = 0; r < TOGETHER; r++) {
                if (j + r >= count) {
                    memset(rows[r], 0, PIECE);
                    continue;
                }
                const uint8_t *from = g->bytes + (j + r) * g->width + start;
                for (ptrdiff_t k = 0; k < PIECE; k++) rows[r][k] = (int8_t)(from[k] - CENTRE);
            }
            for (ptrdiff_t k = 0; k < PIECE; k += 4) {
                int8_t *to = g->packed + ((start + k) * g->padded + 4 * j);
                for (ptrdiff_t r = 0; r < TOGETHER; r++) memcpy(to + 4 * r, &rows[r][k], 4);
            }
        }
    }
}

INLINE float distance_of(const gathered *g, float norm, float factor, float extra, ptrdiff_t j, int32_t sum) {
    float difference = extra - g->extras[j];
    return norm + g->norms[j] - 2 * factor * g->factors[j] * ((float)sum - g->centres[j]) + difference * difference;
}

#endif
