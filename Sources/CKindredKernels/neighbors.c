#include "kindred_neighbors.h"

#include "kindred_features.h"
#include "products.h"

enum { TILE = 16, MOST_LEADERS_OF_A_ROW = 16 };

typedef struct {
    float distance;
    uint32_t index;
} nearby;

// The parts of `work` for n rows, n rounded up to whole tiles.
typedef struct {
    ptrdiff_t padded, width;
    uint8_t *bytes;   // padded rows of width bytes 60 + v
    int8_t *packed;   // the same less 60, as gram_products wants them
    int32_t *sums;    // TILE rows of padded
    float *norms, *factors, *centres, *extras, *distances;
} gathered;

INLINE ptrdiff_t rounded(ptrdiff_t n, ptrdiff_t unit) { return (n + unit - 1) / unit * unit; }

size_t kindred_neighbors_work(ptrdiff_t rows, ptrdiff_t blocks) {
    size_t padded = (size_t)rounded(rows, 64), width = (size_t)blocks * 2 * BLOCK;
    return padded * (2 * width + 4 * (TILE + 5)) + TILE * width + 4096;
}

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
        const ptrdiff_t blocks = group + 1 == heads->group_count ? heads->blocks - block
                                                                 : heads->dimensions[group] / (2 * BLOCK);
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

// The nearest `most` of the distances, nearest first; those at `self` and from `count` on are left out. Indices of
// equal distances rise.
typedef ptrdiff_t nearest_selection(nearby *best, ptrdiff_t most, const float *distances, ptrdiff_t count,
                                    ptrdiff_t self);

INLINE ptrdiff_t nearest_of_portable(nearby *best, ptrdiff_t most, const float *distances, ptrdiff_t count,
                                     ptrdiff_t self) {
    ptrdiff_t n = 0;
    float worst = __builtin_inff();
    for (ptrdiff_t start = 0; start < count; start += TILE) {
        ptrdiff_t end = start + TILE < count ? start + TILE : count;
        if (end == start + TILE) {
            // Most tiles have nothing to offer; that is seen at once.
            int any = 0;
            for (ptrdiff_t j = 0; j < TILE; j++) any |= distances[start + j] < worst;
            if (!any) continue;
        }
        for (ptrdiff_t j = start; j < end; j++) {
            float distance = distances[j];
            if (!(distance < worst) || j == self) continue;
            ptrdiff_t place = n < most ? n++ : most - 1;
            while (place > 0 && best[place - 1].distance > distance) {
                best[place] = best[place - 1];
                place--;
            }
            best[place] = (nearby){distance, (uint32_t)j};
            if (n == most) worst = best[n - 1].distance;
        }
    }
    return n;
}

#if defined(__x86_64__)
// The distances of one tile; infinity in place of those that do not count.
VNNI INLINE __m512 tile_of(const float *distances, ptrdiff_t start, ptrdiff_t count, ptrdiff_t self) {
    uint32_t lanes = count - start < TILE ? (1u << (count - start)) - 1 : 0xffff;
    if (self >= start && self < start + TILE) lanes &= ~(1u << (self - start));
    return _mm512_mask_loadu_ps(_mm512_set1_ps(__builtin_inff()), (__mmask16)lanes, distances + start);
}

// First a bound: the least of each lane over all tiles, and of these the `most`-th. Few more than `most` do not exceed it.
// Those are put in order in one register, where a new one finds its place without a loop or a branch.
VNNI INLINE ptrdiff_t nearest_of_vnni(nearby *best, ptrdiff_t most, const float *distances, ptrdiff_t count,
                                      ptrdiff_t self) {
    if (most > TILE) return nearest_of_portable(best, most, distances, count, self);
    const __m512 infinity = _mm512_set1_ps(__builtin_inff());
    const __m512i ones = _mm512_set1_epi32(1);
    const __m512i following = _mm512_setr_epi32(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0);
    __m512 least = infinity;
    for (ptrdiff_t start = 0; start < count; start += TILE) {
        least = _mm512_min_ps(tile_of(distances, start, count, self), least);
    }
    __m512 turned = least;
    __m512i smaller = _mm512_setzero_si512();
    for (int turn = 1; turn < TILE; turn++) {
        turned = _mm512_permutexvar_ps(following, turned);
        smaller = _mm512_mask_add_epi32(smaller, _mm512_cmp_ps_mask(turned, least, _CMP_LT_OQ), smaller, ones);
    }
    const __mmask16 within = _mm512_cmp_epi32_mask(smaller, _mm512_set1_epi32((int32_t)most), _MM_CMPINT_LT);
    const __m512 bound = _mm512_set1_ps(_mm512_mask_reduce_max_ps(within, least));

    __m512 near = infinity;
    __m512i indices = _mm512_setzero_si512();
    ptrdiff_t n = 0;
    for (ptrdiff_t start = 0; start < count; start += TILE) {
        const __m512 tile = tile_of(distances, start, count, self);
        const __mmask16 finite = _mm512_cmp_ps_mask(tile, infinity, _CMP_LT_OQ);
        uint32_t left = _mm512_mask_cmp_ps_mask(finite, tile, bound, _CMP_LE_OQ);
        for (; left != 0; left &= left - 1) {
            const ptrdiff_t j = start + __builtin_ctz(left);
            const __m512 distance = _mm512_set1_ps(distances[j]);
            // Behind those that are as near; what was there and after moves on by one, the last one out. Nothing moves
            // where all are as near.
            const uint32_t before = _mm512_cmp_ps_mask(near, distance, _CMP_LE_OQ);
            const __mmask16 others = (__mmask16) ~(before + 1);
            near = _mm512_mask_expand_ps(distance, others, near);
            indices = _mm512_mask_expand_epi32(_mm512_set1_epi32((int32_t)j), others, indices);
            n++;
        }
    }
    float sorted[TILE];
    uint32_t rows[TILE];
    _mm512_storeu_ps(sorted, near);
    _mm512_storeu_si512(rows, indices);
    if (n > most) n = most;
    for (ptrdiff_t i = 0; i < n; i++) best[i] = (nearby){sorted[i], rows[i]};
    return n;
}
#endif

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
        while (place > 0 && (best[place - 1].distance > distance ||
                             (best[place - 1].distance == distance &&
                              candidates[best[place - 1].index - 1] > candidates[i]))) {
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

#define DEFINE_VARIANT(SUFFIX, TARGET, GRAM, ROWS, NEAREST)                                                           \
    TARGET void kindred_leaf_neighbors##SUFFIX(uint32_t *near, float *distance, const kindred_heads *heads,           \
                                               const uint32_t *rows, ptrdiff_t count, ptrdiff_t look, ptrdiff_t keep, \
                                               float alpha, uint8_t *work) {                                          \
        leaf_body(near, distance, heads, rows, count, look, keep, alpha, work, GRAM, ROWS, NEAREST);                  \
    }                                                                                                                 \
    TARGET ptrdiff_t kindred_prune##SUFFIX(uint32_t *kept, const kindred_heads *heads, uint32_t node,                 \
                                           const uint32_t *candidates, ptrdiff_t count, ptrdiff_t limit,              \
                                           ptrdiff_t fill, float alpha, uint8_t *work) {                              \
        return prune_body(kept, heads, node, candidates, count, limit, fill, alpha, work, ROWS);                      \
    }                                                                                                                 \
    TARGET void kindred_nearest_leaders##SUFFIX(uint32_t *out, const kindred_heads *heads, const uint32_t *rows,      \
                                                ptrdiff_t count, const uint32_t *leaders, ptrdiff_t leader_count,     \
                                                ptrdiff_t nearest, uint8_t *work) {                                   \
        leaders_body(out, heads, rows, count, leaders, leader_count, nearest, work, GRAM, NEAREST);                   \
    }

DEFINE_VARIANT(_portable, , gram_products_portable, row_products_portable, nearest_of_portable)
DEFINE_VARIANT(_avx2, AVX2, IF_X86(gram_products_avx2, gram_products_portable),
               IF_X86(row_products_avx2, row_products_portable), nearest_of_portable)
DEFINE_VARIANT(_avx512_vnni, VNNI, IF_X86(gram_products_vnni, gram_products_portable),
               IF_X86(row_products_vnni, row_products_portable), IF_X86(nearest_of_vnni, nearest_of_portable))
DEFINE_VARIANT(_neon, , IF_NEON(gram_products_neon, gram_products_portable),
               IF_NEON(row_products_neon, row_products_portable), nearest_of_portable)

#define DISPATCH(CALL)                                             \
    uint32_t features = kindred_features();                        \
    if (features & KINDRED_AVX512_VNNI) return CALL(_avx512_vnni); \
    if (features & KINDRED_AVX2) return CALL(_avx2);               \
    if (features & KINDRED_NEON) return CALL(_neon);               \
    return CALL(_portable);

void kindred_leaf_neighbors(uint32_t *near, float *distance, const kindred_heads *heads, const uint32_t *rows,
                            ptrdiff_t count, ptrdiff_t look, ptrdiff_t keep, float alpha, uint8_t *work) {
#define CALL(SUFFIX) kindred_leaf_neighbors##SUFFIX(near, distance, heads, rows, count, look, keep, alpha, work)
    DISPATCH(CALL)
#undef CALL
}

ptrdiff_t kindred_prune(uint32_t *kept, const kindred_heads *heads, uint32_t node, const uint32_t *candidates,
                        ptrdiff_t count, ptrdiff_t limit, ptrdiff_t fill, float alpha, uint8_t *work) {
#define CALL(SUFFIX) kindred_prune##SUFFIX(kept, heads, node, candidates, count, limit, fill, alpha, work)
    DISPATCH(CALL)
#undef CALL
}

void kindred_nearest_leaders(uint32_t *out, const kindred_heads *heads, const uint32_t *rows, ptrdiff_t count,
                             const uint32_t *leaders, ptrdiff_t leader_count, ptrdiff_t nearest, uint8_t *work) {
#define CALL(SUFFIX) kindred_nearest_leaders##SUFFIX(out, heads, rows, count, leaders, leader_count, nearest, work)
    DISPATCH(CALL)
#undef CALL
}

// 16 bits in the order of the distances: 8 of the exponent and 8 of the mantissa.
INLINE uint16_t rounded_distance(float distance) {
    uint32_t bits;
    if (!(distance > 0)) return 0;
    memcpy(&bits, &distance, 4);
    return (uint16_t)(bits >> 15);
}

void kindred_merge_candidates(uint32_t *candidates, uint16_t *distances, ptrdiff_t capacity, const uint32_t *rows,
                              ptrdiff_t count, const uint32_t *near, const float *distance, ptrdiff_t keep,
                              uint32_t part, uint32_t parts) {
    for (ptrdiff_t i = 0; i < count; i++) {
        if (rows[i] % parts != part) continue;
        uint32_t *list = candidates + (ptrdiff_t)rows[i] * capacity;
        uint16_t *far = distances + (ptrdiff_t)rows[i] * capacity;
        ptrdiff_t place = 0;
        for (ptrdiff_t k = 0; k < keep; k++) {
            const uint32_t row = near[i * keep + k];
            const uint16_t d = rounded_distance(distance[i * keep + k]);
            if (row == KINDRED_NO_ROW) break;
            // They come nearest first: the next one lies no further ahead, but for equal distances.
            while (place > 0 && far[place - 1] >= d) place--;
            while (place < capacity && list[place] != KINDRED_NO_ROW &&
                   (far[place] < d || (far[place] == d && list[place] < row))) {
                place++;
            }
            if (place == capacity) {
                if (far[capacity - 1] < d) break;
                continue;
            }
            if (list[place] == row) continue;
            memmove(list + place + 1, list + place, (size_t)(capacity - 1 - place) * sizeof *list);
            memmove(far + place + 1, far + place, (size_t)(capacity - 1 - place) * sizeof *far);
            list[place] = row;
            far[place] = d;
        }
    }
}
