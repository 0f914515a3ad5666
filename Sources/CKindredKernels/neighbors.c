#include "kindred_neighbors.h"

#include "gathered.h"
#include "nearest.h"

enum { MOST_LEADERS_OF_A_ROW = 16 };

size_t kindred_neighbors_work(ptrdiff_t rows, ptrdiff_t blocks) {
    size_t padded = (size_t)rounded(rows, 64), width = (size_t)blocks * 2 * BLOCK;
    return padded * (2 * width + 4 * (TILE + 5)) + TILE * width + 4096;
}

// RobustPrune of sorted candidates, indices of gathered rows; the places in `best` of those kept.
INLINE ptrdiff_t prune_sorted(uint32_t *kept, const gathered *g, const nearby *best, ptrdiff_t count, ptrdiff_t limit,
                              ptrdiff_t fill, float alpha, row_products *products) {
    uint32_t rows[KINDRED_MOST_CANDIDATES];
    int32_t sums[KINDRED_MOST_CANDIDATES];
    uint8_t used[KINDRED_MOST_CANDIDATES] = {0};
    ptrdiff_t n = 0;
    for (ptrdiff_t c = 0; c < count && n < limit; c++) {
        ptrdiff_t candidate = best[c].index;
        int is_covered = 0;
        // Four at a time: most are covered by the first few.
        for (ptrdiff_t start = 0; start < n && !is_covered; start += 4) {
            ptrdiff_t some = n - start < 4 ? n - start : 4;
            products(sums, g->bytes + candidate * g->width, g->width, g->bytes, rows + start, some);
            for (ptrdiff_t i = 0; i < some; i++) {
                float between = distance_of(g, g->norms[candidate], g->factors[candidate], g->extras[candidate],
                                            rows[start + i], sums[i]);
                is_covered |= alpha * between <= best[c].distance || between <= 0;
            }
        }
        if (is_covered) continue;
        used[c] = 1;
        rows[n] = (uint32_t)candidate;
        kept[n++] = (uint32_t)c;
    }
    for (ptrdiff_t c = 0; c < count && n < fill; c++) {
        if (!used[c]) kept[n++] = (uint32_t)c;
    }
    return n;
}

INLINE void leaf_body(uint32_t *near, float *distance, const kindred_heads *heads, const uint32_t *rows,
                      ptrdiff_t count, ptrdiff_t look, ptrdiff_t keep, float alpha, uint8_t *work, gram_products *gram,
                      row_products *products, nearest_selection *nearest_of) {
    gathered g = places(work, count, heads->blocks);
    nearby best[KINDRED_MOST_CANDIDATES];
    uint32_t kept[KINDRED_MOST_CANDIDATES];
    gather(&g, heads, rows, count);
    pack_columns(&g, count);
    for (ptrdiff_t j = count; j < g.padded; j++) g.norms[j] = g.factors[j] = g.centres[j] = g.extras[j] = 0;
    for (ptrdiff_t start = 0; start < count; start += TILE) {
        ptrdiff_t some = count - start < TILE ? count - start : TILE;
        gram(g.sums, g.bytes + start * g.width, some, g.width, g.packed, g.padded);
        for (ptrdiff_t i = start; i < start + some; i++) {
            const int32_t *sums = g.sums + (i - start) * g.padded;
            for (ptrdiff_t j = 0; j < g.padded; j++) {
                g.distances[j] = distance_of(&g, g.norms[i], g.factors[i], g.extras[i], j, sums[j]);
            }
            ptrdiff_t n = nearest_of(best, look, g.distances, count, i);
            n = prune_sorted(kept, &g, best, n, keep, 0, alpha, products);
            for (ptrdiff_t k = 0; k < keep; k++) {
                near[i * keep + k] = k < n ? rows[best[kept[k]].index] : KINDRED_NO_ROW;
                distance[i * keep + k] = k < n ? best[kept[k]].distance : 0;
            }
        }
    }
}

INLINE ptrdiff_t prune_body(uint32_t *kept, const kindred_heads *heads, uint32_t node, const uint32_t *candidates,
                            ptrdiff_t count, ptrdiff_t limit, ptrdiff_t fill, float alpha, uint8_t *work,
                            row_products *products) {
    gathered g = places(work, count + 1, heads->blocks);
    nearby best[KINDRED_MOST_CANDIDATES];
    uint32_t indices[KINDRED_MOST_CANDIDATES], places_kept[KINDRED_MOST_CANDIDATES];
    int32_t sums[KINDRED_MOST_CANDIDATES];
    ptrdiff_t n = 0;
    gather_row(&g, 0, heads, node);
    for (ptrdiff_t i = 0; i < count; i++) {
        __builtin_prefetch(heads->plane + (ptrdiff_t)candidates[i + 8 < count ? i + 8 : i] * heads->blocks * BLOCK);
        gather_row(&g, i + 1, heads, candidates[i]);
        indices[i] = (uint32_t)(i + 1);
    }
    products(sums, g.bytes, g.width, g.bytes, indices, count);
    for (ptrdiff_t i = 0; i < count; i++) {
        if (candidates[i] == node) continue;
        float distance = distance_of(&g, g.norms[0], g.factors[0], g.extras[0], i + 1, sums[i]);
        ptrdiff_t place = n;
        while (place > 0 &&
               (best[place - 1].distance > distance ||
                (best[place - 1].distance == distance && candidates[best[place - 1].index - 1] > candidates[i]))) {
            place--;
        }
        // Equal rows have equal distances, so a repetition lies right before.
        if (place > 0 && candidates[best[place - 1].index - 1] == candidates[i]) continue;
        memmove(best + place + 1, best + place, (size_t)(n - place) * sizeof *best);
        best[place] = (nearby){distance, (uint32_t)(i + 1)};
        n++;
    }
    n = prune_sorted(places_kept, &g, best, n, limit, fill < limit ? fill : limit, alpha, products);
    for (ptrdiff_t i = 0; i < n; i++) kept[i] = candidates[best[places_kept[i]].index - 1];
    return n;
}

INLINE void leaders_body(uint32_t *out, const kindred_heads *heads, const uint32_t *rows, ptrdiff_t count,
                         const uint32_t *leaders, ptrdiff_t leader_count, ptrdiff_t nearest, uint8_t *work,
                         gram_products *gram, nearest_selection *nearest_of) {
    gathered g = places(work, leader_count, heads->blocks);
    nearby best[MOST_LEADERS_OF_A_ROW];
    gather(&g, heads, leaders, leader_count);
    pack_columns(&g, leader_count);
    for (ptrdiff_t j = leader_count; j < g.padded; j++) g.norms[j] = g.factors[j] = g.centres[j] = g.extras[j] = 0;
    // A tile of rows, unpacked behind the distances.
    gathered tile = g;
    float norms[TILE], factors[TILE], centres[TILE], extras[TILE];
    tile.bytes = (uint8_t *)(g.distances + g.padded);
    tile.norms = norms;
    tile.factors = factors;
    tile.centres = centres;
    tile.extras = extras;
    for (ptrdiff_t start = 0; start < count; start += TILE) {
        ptrdiff_t some = count - start < TILE ? count - start : TILE;
        gather(&tile, heads, rows + start, some);
        gram(g.sums, tile.bytes, some, g.width, g.packed, g.padded);
        for (ptrdiff_t i = 0; i < some; i++) {
            const int32_t *sums = g.sums + i * g.padded;
            for (ptrdiff_t j = 0; j < g.padded; j++) {
                g.distances[j] = distance_of(&g, norms[i], factors[i], extras[i], j, sums[j]);
            }
            ptrdiff_t n = nearest_of(best, nearest, g.distances, leader_count, -1);
            for (ptrdiff_t k = 0; k < nearest; k++) out[(start + i) * nearest + k] = best[k < n ? k : 0].index;
        }
    }
}

#define DEFINE(SUFFIX, TARGET, ...)                                                                                    \
    TARGET void kindred_leaf_neighbors##SUFFIX(uint32_t *near, float *distance, const kindred_heads *heads,            \
                                               const uint32_t *rows, ptrdiff_t count, ptrdiff_t look, ptrdiff_t keep,  \
                                               float alpha, uint8_t *work) {                                           \
        leaf_body(near, distance, heads, rows, count, look, keep, alpha, work, gram_products##SUFFIX,                  \
                  row_products##SUFFIX, nearest_of##SUFFIX);                                                           \
    }                                                                                                                  \
    TARGET ptrdiff_t kindred_prune##SUFFIX(uint32_t *kept, const kindred_heads *heads, uint32_t node,                  \
                                           const uint32_t *candidates, ptrdiff_t count, ptrdiff_t limit,               \
                                           ptrdiff_t fill, float alpha, uint8_t *work) {                               \
        return prune_body(kept, heads, node, candidates, count, limit, fill, alpha, work, row_products##SUFFIX);       \
    }                                                                                                                  \
    TARGET void kindred_nearest_leaders##SUFFIX(uint32_t *out, const kindred_heads *heads, const uint32_t *rows,       \
                                                ptrdiff_t count, const uint32_t *leaders, ptrdiff_t leader_count,      \
                                                ptrdiff_t nearest, uint8_t *work) {                                    \
        leaders_body(out, heads, rows, count, leaders, leader_count, nearest, work, gram_products##SUFFIX,             \
                     nearest_of##SUFFIX);                                                                              \
    }

DEFINE(_portable, )
CODE_VARIANTS(DEFINE)

void kindred_leaf_neighbors(uint32_t *near, float *distance, const kindred_heads *heads, const uint32_t *rows,
                            ptrdiff_t count, ptrdiff_t look, ptrdiff_t keep, float alpha, uint8_t *work){
    DISPATCH(CODE_VARIANTS, kindred_leaf_neighbors, (near, distance, heads, rows, count, look, keep, alpha, work))}

ptrdiff_t kindred_prune(uint32_t *kept, const kindred_heads *heads, uint32_t node, const uint32_t *candidates,
                        ptrdiff_t count, ptrdiff_t limit, ptrdiff_t fill, float alpha, uint8_t *work) {
    DISPATCH(CODE_VARIANTS, kindred_prune, (kept, heads, node, candidates, count, limit, fill, alpha, work))
}

void kindred_nearest_leaders(uint32_t *out, const kindred_heads *heads, const uint32_t *rows, ptrdiff_t count,
                             const uint32_t *leaders, ptrdiff_t leader_count, ptrdiff_t nearest, uint8_t *work) {
    DISPATCH(CODE_VARIANTS, kindred_nearest_leaders, (out, heads, rows, count, leaders, leader_count, nearest, work))
}
