// Neighbours among rows of head codes (kindred_codes.h): what a graph is built from.
//
// Distances are squared Euclidean ones between the vectors that the head codes stand for, rounded once more: with a
// group's weight w (kindred_codes.h) a nibble h counts as v = (2 h - 15) round(64 w) / 16, rounded, and
// x = 2 factor v with the row's head factor, plus, where there is an `extra` coordinate, the square of its difference:
// with sqrt(max |x|^2 - |x|^2) the nearest neighbour is the one of largest inner product (Bachrach et al. 2014, Theorem
// 1). Of equal distances the smaller row counts as nearer, so results do not depend on the order of work.
#ifndef KINDRED_NEIGHBORS_H
#define KINDRED_NEIGHBORS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *plane;
    ptrdiff_t blocks;
    int32_t group_count;      ///< 1 or 2
    ptrdiff_t dimensions[2];  ///< of each group
    int32_t weights[2];       ///< round(64 w), at most 64
    const float *extra;       ///< an element for each row, or NULL
} kindred_heads;

/// Bytes of the `work` that the functions below need for `rows` rows; it is aligned to 64 bytes.
size_t kindred_neighbors_work(ptrdiff_t rows, ptrdiff_t blocks);

enum { KINDRED_MOST_CANDIDATES = 512, KINDRED_NO_ROW = 0xFFFFFFFF };

/// For each of `count` rows, distinct and in rising order, the nearest `look` of the others, pruned to at most `keep`
/// (`kindred_prune` with `fill` 0): near[i * keep ...] and distance[i * keep ...], nearest first, filled up with
/// KINDRED_NO_ROW and 0. 0 < keep <= look <= KINDRED_MOST_CANDIDATES. `work` for `count` rows.
void kindred_leaf_neighbors(uint32_t *near, float *distance, const kindred_heads *heads, const uint32_t *rows,
                            ptrdiff_t count, ptrdiff_t look, ptrdiff_t keep, float alpha, uint8_t *work);

/// RobustPrune (Subramanya et al. 2019, Algorithm 2) on squared distances: of the candidates, nearest first, one is
/// kept only where no kept one is nearer to it by the factor alpha than the node is, until `limit` are kept. Then the
/// nearest passed over fill up to `fill`. Rows at distance 0 of each other count once; the node and repeated rows among
/// the candidates are left out. count <= KINDRED_MOST_CANDIDATES. `work` for 1 + count rows.
/// @return how many are in `kept`, which has room for `limit`.
ptrdiff_t kindred_prune(uint32_t *kept, const kindred_heads *heads, uint32_t node, const uint32_t *candidates,
                        ptrdiff_t count, ptrdiff_t limit, ptrdiff_t fill, float alpha, uint8_t *work);

/// For each of rows[0 ..< count], which `nearest` <= 16 of the leaders are nearest, as indices into `leaders`, nearest
/// first: out[i * nearest ...]. `work` for `leader_count` rows.
void kindred_nearest_leaders(uint32_t *out, const kindred_heads *heads, const uint32_t *rows, ptrdiff_t count,
                             const uint32_t *leaders, ptrdiff_t leader_count, ptrdiff_t nearest, uint8_t *work);

// Variants (kindred_features.h); all give the same bits.
__typeof__(kindred_leaf_neighbors) kindred_leaf_neighbors_portable, kindred_leaf_neighbors_avx2,
    kindred_leaf_neighbors_avx512_vnni, kindred_leaf_neighbors_neon;
__typeof__(kindred_prune) kindred_prune_portable, kindred_prune_avx2, kindred_prune_avx512_vnni, kindred_prune_neon;
__typeof__(kindred_nearest_leaders) kindred_nearest_leaders_portable, kindred_nearest_leaders_avx2,
    kindred_nearest_leaders_avx512_vnni, kindred_nearest_leaders_neon;

/// Puts neighbours into the candidate lists of rows: `capacity` rows and distances for each, nearest first, without
/// repetition, filled up with KINDRED_NO_ROW. Distances are kept in 16 bits, cut off behind 8 bits of the mantissa; of
/// equal ones the smaller row is nearer. Only rows r with r % parts == part are taken, so that threads can share the
/// work. near and distance are as kindred_leaf_neighbors gives them.
void kindred_merge_candidates(uint32_t *candidates, uint16_t *distances, ptrdiff_t capacity, const uint32_t *rows,
                              ptrdiff_t count, const uint32_t *near, const float *distance, ptrdiff_t keep,
                              uint32_t part, uint32_t parts);

#endif
