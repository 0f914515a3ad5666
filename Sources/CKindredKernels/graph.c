#include "kindred_graph.h"

#include "kindred_features.h"
#include "products.h"

enum { BATCH = 256 };

// Larger similarities are smaller numbers.
INLINE uint64_t key_of(float similarity, uint32_t row) {
    uint32_t bits;
    memcpy(&bits, &similarity, 4);
    bits = bits >> 31 ? ~bits : bits | 0x80000000u;
    return (uint64_t)~bits << 32 | (uint64_t)row << 1;
}

INLINE uint32_t row_of(uint64_t key) { return (uint32_t)key >> 1; }

INLINE float similarity_of(uint64_t key) {
    uint32_t bits = ~(uint32_t)(key >> 32);
    float similarity;
    bits = bits >> 31 ? bits & 0x7FFFFFFFu : ~bits;
    memcpy(&similarity, &bits, 4);
    return similarity;
}

INLINE void score(float *out, const kindred_graph *graph, const kindred_graph_query *query, const uint32_t *rows,
                  ptrdiff_t count, nibble_products *products) {
    int32_t sums[BATCH];
    const ptrdiff_t stride = graph->head_blocks * BLOCK;
    products(sums, graph->head, stride, graph->head_blocks, query->bytes, rows, count);
    const int32_t centre = 120 * query->sum;
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *end = graph->head + ((ptrdiff_t)rows[i] + 1) * stride;
        float factor, bias = 0;
        memcpy(&factor, end - 4, 4);
        if (graph->has_bias) memcpy(&bias, end - 8, 4);
        out[i] = query->offset + factor * query->scale * (float)(16 * sums[i] - centre) + bias;
    }
}

// Puts a key into the sorted pool; the place it got, or `limit` where it is not among the best.
INLINE uint32_t insert(uint64_t *pool, uint32_t *count, uint32_t limit, uint64_t key) {
    uint32_t n = *count, low = 0;
    if (n == limit && key >= pool[n - 1]) return limit;
    // Halves without a branch, which nobody could foresee; then the last few are counted, several at a time.
    uint32_t left = n;
    while (left > 32) {
        const uint32_t half = left / 2;
        low = pool[low + half - 1] < key ? low + half : low;
        left -= half;
    }
    uint32_t smaller = 0;
    for (uint32_t i = 0; i < left; i++) smaller += pool[low + i] < key;
    low += smaller;
    if (n < limit) *count = ++n;
    // Eight keys at a time from the end: few are moved, and a call of memmove would take longer.
    uint32_t end = n - 1;
    while (end >= low + 8) {
        uint64_t eight[8];
        memcpy(eight, pool + end - 8, sizeof eight);
        memcpy(pool + end - 7, eight, sizeof eight);
        end -= 8;
    }
    for (; end > low; end--) pool[end] = pool[end - 1];
    pool[low] = key;
    return low;
}

INLINE uint32_t neighbour(const uint8_t *list, ptrdiff_t index, const int32_t id_bytes) {
    uint32_t id;
    memcpy(&id, list + id_bytes * index, 4);
    return id_bytes == 3 ? id & 0xFFFFFF : id;
}

INLINE int has_bit(const uint64_t *bits, uint32_t row) { return bits[row >> 6] >> (row & 63) & 1; }

INLINE void prefetch_head(const kindred_graph *graph, uint32_t row) {
    const uint8_t *start = graph->head + (ptrdiff_t)row * graph->head_blocks * BLOCK;
    for (ptrdiff_t block = 0; block < graph->head_blocks; block++) __builtin_prefetch(start + block * BLOCK);
}

INLINE void prefetch_links(const kindred_graph *graph, uint32_t row, const int32_t id_bytes) {
    const uint8_t *list = graph->links + (ptrdiff_t)row * graph->width * id_bytes;
    for (ptrdiff_t byte = 0; byte < graph->width * id_bytes; byte += BLOCK) __builtin_prefetch(list + byte);
}

typedef struct {
    uint32_t *rows;  // BATCH places
    ptrdiff_t count;
} row_batch;

// Adds the neighbours of a node that were not visited to the batch. With `accepted`, only those of its rows are added,
// and the others are put into `rejected` (NULL to leave them unvisited).
INLINE void collect(row_batch *batch, uint32_t node, const kindred_graph *graph, uint64_t *visited,
                    const uint64_t *accepted, row_batch *rejected, const int32_t id_bytes) {
    const uint8_t *list = graph->links + (ptrdiff_t)node * graph->width * id_bytes;
    for (ptrdiff_t i = 0; i < graph->width && batch->count < BATCH; i++) {
        uint32_t row = neighbour(list, i, id_bytes);
        if (row >= graph->count) break;
        uint64_t bit = 1ull << (row & 63), word = visited[row >> 6];
        if (accepted && !has_bit(accepted, row)) {
            if (rejected && !(word & bit) && rejected->count < BATCH) {
                visited[row >> 6] = word | bit;
                rejected->rows[rejected->count++] = row;
            }
            continue;
        }
        visited[row >> 6] = word | bit;
        batch->rows[batch->count] = row;
        batch->count += !(word & bit);
        prefetch_head(graph, row);
    }
}

// One query's walk, between two of its steps.
typedef struct {
    const kindred_graph_query *query;
    kindred_graph_work *work;
    uint32_t in_pool, in_found, touches, cursor, hops, evaluated;
    int is_done;
    row_batch batch;
} walk_state;

INLINE void start(walk_state *walk, const kindred_graph *graph, uint32_t ef, const uint32_t *entries,
                  ptrdiff_t entry_count, uint32_t seeds, const uint64_t *accepted, int32_t filter,
                  const int32_t id_bytes, nibble_products *products) {
    kindred_graph_work *work = walk->work;
    float scores[BATCH];
    walk->in_pool = walk->in_found = walk->touches = walk->cursor = walk->hops = 0;
    walk->evaluated = (uint32_t)entry_count;
    walk->is_done = 0;
    const uint32_t room = seeds < ef ? seeds : ef;
    for (ptrdiff_t start = 0; start < entry_count; start += BATCH) {
        ptrdiff_t n = entry_count - start < BATCH ? entry_count - start : BATCH;
        score(scores, graph, walk->query, entries + start, n, products);
        for (ptrdiff_t i = 0; i < n; i++) {
            insert(work->pool, &walk->in_pool, room, key_of(scores[i], entries[start + i]));
        }
    }
    for (uint32_t i = 0; i < walk->in_pool; i++) {
        uint32_t row = row_of(work->pool[i]);
        work->visited[row >> 6] |= 1ull << (row & 63);
        work->touched[walk->touches++] = row;
        if (filter != KINDRED_ACCEPT_ALL && has_bit(accepted, row)) {
            insert(work->found, &walk->in_found, ef, work->pool[i]);
        }
        prefetch_links(graph, row, id_bytes);
    }
}

// Expands the best node that is not yet: puts its neighbours into the batch and asks for their heads.
INLINE void expand(walk_state *walk, const kindred_graph *graph, const uint64_t *accepted, int32_t filter,
                   const int32_t id_bytes) {
    kindred_graph_work *work = walk->work;
    uint64_t *pool = work->pool;
    // The batch lies where what was touched is listed.
    row_batch *batch = &walk->batch;
    while (walk->cursor < walk->in_pool && pool[walk->cursor] & 1) walk->cursor++;
    if (walk->cursor == walk->in_pool) {
        walk->is_done = 1;
        return;
    }
    const uint32_t node = row_of(pool[walk->cursor]);
    pool[walk->cursor++] |= 1;
    walk->hops++;
    batch->rows = work->touched + walk->touches;
    batch->count = 0;
    if (filter == KINDRED_TWO_HOPS) {
        uint32_t rejected_rows[BATCH];
        row_batch rejected = {rejected_rows, 0};
        collect(batch, node, graph, work->visited, accepted, &rejected, id_bytes);
        for (ptrdiff_t i = 0; i < rejected.count && batch->count < BATCH; i++) {
            collect(batch, rejected.rows[i], graph, work->visited, accepted, NULL, id_bytes);
        }
        memcpy(batch->rows + batch->count, rejected.rows, (size_t)rejected.count * sizeof *rejected.rows);
        walk->touches += (uint32_t)rejected.count;
    } else {
        collect(batch, node, graph, work->visited, NULL, NULL, id_bytes);
    }
    // The next one, if no better is found now.
    if (walk->cursor < walk->in_pool) prefetch_links(graph, row_of(pool[walk->cursor]), id_bytes);
    walk->touches += (uint32_t)batch->count;
    walk->evaluated += (uint32_t)batch->count;
}

// Compares the batch with the query and puts its rows into the pool.
INLINE void take(walk_state *walk, const kindred_graph *graph, uint32_t ef, const uint64_t *accepted, int32_t filter,
                 const int32_t id_bytes, nibble_products *products) {
    kindred_graph_work *work = walk->work;
    const row_batch *batch = &walk->batch;
    float scores[BATCH];
    score(scores, graph, walk->query, batch->rows, batch->count, products);
    for (ptrdiff_t i = 0; i < batch->count; i++) {
        uint64_t key = key_of(scores[i], batch->rows[i]);
        uint32_t place = insert(work->pool, &walk->in_pool, ef, key);
        walk->cursor = place < walk->cursor ? place : walk->cursor;
        if (filter == KINDRED_TWO_HOPS || (filter == KINDRED_COLLECT_ACCEPTED && has_bit(accepted, batch->rows[i]))) {
            insert(work->found, &walk->in_found, ef, key);
        }
    }
    if (walk->cursor < walk->in_pool) prefetch_links(graph, row_of(work->pool[walk->cursor]), id_bytes);
}

INLINE void finish(walk_state *walk, uint32_t *rows, float *similarities, int32_t filter) {
    kindred_graph_work *work = walk->work;
    for (uint32_t i = 0; i < walk->touches; i++) work->visited[work->touched[i] >> 6] = 0;
    work->evaluated = walk->evaluated;
    work->hops = walk->hops;
    const uint64_t *best = filter == KINDRED_ACCEPT_ALL ? work->pool : work->found;
    work->count = filter == KINDRED_ACCEPT_ALL ? walk->in_pool : walk->in_found;
    for (uint32_t i = 0; i < work->count; i++) {
        rows[i] = row_of(best[i]);
        similarities[i] = similarity_of(best[i]);
    }
}

// The walks take turns: while the neighbours of one are on their way from memory, the others are compared.
INLINE void search_body(uint32_t *rows, float *similarities, const kindred_graph *graph,
                        const kindred_graph_query *queries, kindred_graph_work *works, ptrdiff_t count, uint32_t ef,
                        const uint32_t *entries, ptrdiff_t entry_count, uint32_t seeds, const uint64_t *accepted,
                        int32_t filter, const int32_t id_bytes, nibble_products *products) {
    walk_state walks[KINDRED_MOST_WALKS];
    for (ptrdiff_t i = 0; i < count; i++) {
        walks[i].query = &queries[i];
        walks[i].work = &works[i];
        start(&walks[i], graph, ef, entries, entry_count, seeds, accepted, filter, id_bytes, products);
    }
    for (ptrdiff_t i = 0; i < count; i++) expand(&walks[i], graph, accepted, filter, id_bytes);
    for (ptrdiff_t left = count; left > 0;) {
        left = 0;
        for (ptrdiff_t i = 0; i < count; i++) {
            if (walks[i].is_done) continue;
            take(&walks[i], graph, ef, accepted, filter, id_bytes, products);
            expand(&walks[i], graph, accepted, filter, id_bytes);
            left += !walks[i].is_done;
        }
    }
    for (ptrdiff_t i = 0; i < count; i++) finish(&walks[i], rows + i * ef, similarities + i * ef, filter);
}

// The filter and the size of ids are constants of each walk that is compiled.
#define DEFINE_VARIANT(SUFFIX, TARGET, PRODUCTS)                                                                      \
    TARGET void kindred_graph_search##SUFFIX(                                                                         \
        uint32_t *rows, float *similarities, const kindred_graph *graph, const kindred_graph_query *queries,          \
        kindred_graph_work *works, ptrdiff_t count, uint32_t ef, const uint32_t *entries, ptrdiff_t entry_count,      \
        uint32_t seeds, const uint64_t *accepted, int32_t filter) {                                                   \
        if (filter != KINDRED_ACCEPT_ALL) {                                                                           \
            search_body(rows, similarities, graph, queries, works, count, ef, entries, entry_count, seeds, accepted,  \
                        filter, graph->id_bytes, PRODUCTS);                                                           \
        } else if (graph->id_bytes == 3) {                                                                            \
            search_body(rows, similarities, graph, queries, works, count, ef, entries, entry_count, seeds, NULL,      \
                        KINDRED_ACCEPT_ALL, 3, PRODUCTS);                                                             \
        } else {                                                                                                      \
            search_body(rows, similarities, graph, queries, works, count, ef, entries, entry_count, seeds, NULL,      \
                        KINDRED_ACCEPT_ALL, 4, PRODUCTS);                                                             \
        }                                                                                                             \
    }

DEFINE_VARIANT(_portable, , nibble_products_portable)
DEFINE_VARIANT(_avx2, AVX2, IF_X86(nibble_products_avx2, nibble_products_portable))
DEFINE_VARIANT(_avx512_vnni, VNNI, IF_X86(nibble_products_vnni, nibble_products_portable))
DEFINE_VARIANT(_neon, , IF_NEON(nibble_products_neon, nibble_products_portable))

void kindred_graph_search(uint32_t *rows, float *similarities, const kindred_graph *graph,
                          const kindred_graph_query *queries, kindred_graph_work *works, ptrdiff_t count, uint32_t ef,
                          const uint32_t *entries, ptrdiff_t entry_count, uint32_t seeds, const uint64_t *accepted,
                          int32_t filter) {
#define CALL(SUFFIX)                                                                                              \
    kindred_graph_search##SUFFIX(rows, similarities, graph, queries, works, count, ef, entries, entry_count, seeds, \
                                 accepted, filter)
    uint32_t features = kindred_features();
    if (features & KINDRED_AVX512_VNNI) return CALL(_avx512_vnni);
    if (features & KINDRED_AVX2) return CALL(_avx2);
    if (features & KINDRED_NEON) return CALL(_neon);
    return CALL(_portable);
#undef CALL
}
