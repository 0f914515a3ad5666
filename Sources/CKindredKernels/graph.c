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
    uint32_t n = *count, low = 0, high = n;
    if (n == limit && key >= pool[n - 1]) return limit;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (pool[middle] < key) low = middle + 1;
        else high = middle;
    }
    if (n < limit) *count = ++n;
    memmove(pool + low + 1, pool + low, (size_t)(n - 1 - low) * sizeof *pool);
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
    uint32_t rows[BATCH];
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

INLINE uint32_t search_body(uint32_t *rows, const kindred_graph *graph, const kindred_graph_query *query,
                            kindred_graph_work *work, uint32_t ef, const uint32_t *entries, ptrdiff_t entry_count,
                            uint32_t seeds, const uint64_t *accepted, int32_t filter, const int32_t id_bytes,
                            nibble_products *products) {
    uint64_t *pool = work->pool, *found = work->found, *visited = work->visited;
    uint32_t *touched = work->touched;
    uint32_t in_pool = 0, in_found = 0, touches = 0, cursor = 0, hops = 0, evaluated = (uint32_t)entry_count;
    float scores[BATCH];
    row_batch batch, rejected;

    const uint32_t room = seeds < ef ? seeds : ef;
    for (ptrdiff_t start = 0; start < entry_count; start += BATCH) {
        ptrdiff_t n = entry_count - start < BATCH ? entry_count - start : BATCH;
        score(scores, graph, query, entries + start, n, products);
        for (ptrdiff_t i = 0; i < n; i++) insert(pool, &in_pool, room, key_of(scores[i], entries[start + i]));
    }
    for (uint32_t i = 0; i < in_pool; i++) {
        uint32_t row = row_of(pool[i]);
        visited[row >> 6] |= 1ull << (row & 63);
        touched[touches++] = row;
        if (filter != KINDRED_ACCEPT_ALL && has_bit(accepted, row)) insert(found, &in_found, ef, pool[i]);
    }

    while (cursor < in_pool) {
        if (pool[cursor] & 1) {
            cursor++;
            continue;
        }
        const uint32_t node = row_of(pool[cursor]);
        pool[cursor++] |= 1;
        hops++;
        batch.count = 0;
        if (filter == KINDRED_TWO_HOPS) {
            rejected.count = 0;
            collect(&batch, node, graph, visited, accepted, &rejected, id_bytes);
            memcpy(touched + touches, rejected.rows, (size_t)rejected.count * sizeof *touched);
            touches += (uint32_t)rejected.count;
            for (ptrdiff_t i = 0; i < rejected.count && batch.count < BATCH; i++) {
                collect(&batch, rejected.rows[i], graph, visited, accepted, NULL, id_bytes);
            }
        } else {
            collect(&batch, node, graph, visited, NULL, NULL, id_bytes);
        }
        // The next one, if no better is found now.
        if (cursor < in_pool) prefetch_links(graph, row_of(pool[cursor]), id_bytes);
        memcpy(touched + touches, batch.rows, (size_t)batch.count * sizeof *touched);
        touches += (uint32_t)batch.count;
        evaluated += (uint32_t)batch.count;
        score(scores, graph, query, batch.rows, batch.count, products);
        for (ptrdiff_t i = 0; i < batch.count; i++) {
            uint64_t key = key_of(scores[i], batch.rows[i]);
            uint32_t place = insert(pool, &in_pool, ef, key);
            cursor = place < cursor ? place : cursor;
            if (filter == KINDRED_TWO_HOPS || (filter == KINDRED_COLLECT_ACCEPTED && has_bit(accepted, batch.rows[i]))) {
                insert(found, &in_found, ef, key);
            }
        }
        if (cursor < in_pool) prefetch_links(graph, row_of(pool[cursor]), id_bytes);
    }
    for (uint32_t i = 0; i < touches; i++) visited[touched[i] >> 6] = 0;
    work->evaluated = evaluated;
    work->hops = hops;
    const uint64_t *best = filter == KINDRED_ACCEPT_ALL ? pool : found;
    const uint32_t result = filter == KINDRED_ACCEPT_ALL ? in_pool : in_found;
    for (uint32_t i = 0; i < result; i++) rows[i] = row_of(best[i]);
    return result;
}

// The filter and the size of ids are constants of each walk that is compiled.
#define DEFINE_VARIANT(SUFFIX, TARGET, PRODUCTS)                                                                      \
    TARGET uint32_t kindred_graph_search##SUFFIX(                                                                     \
        uint32_t *rows, const kindred_graph *graph, const kindred_graph_query *query, kindred_graph_work *work,       \
        uint32_t ef, const uint32_t *entries, ptrdiff_t entry_count, uint32_t seeds, const uint64_t *accepted,        \
        int32_t filter) {                                                                                             \
        if (filter != KINDRED_ACCEPT_ALL) {                                                                           \
            return search_body(rows, graph, query, work, ef, entries, entry_count, seeds, accepted, filter,           \
                               graph->id_bytes, PRODUCTS);                                                            \
        }                                                                                                             \
        if (graph->id_bytes == 3) {                                                                                   \
            return search_body(rows, graph, query, work, ef, entries, entry_count, seeds, NULL, KINDRED_ACCEPT_ALL,   \
                               3, PRODUCTS);                                                                          \
        }                                                                                                             \
        return search_body(rows, graph, query, work, ef, entries, entry_count, seeds, NULL, KINDRED_ACCEPT_ALL, 4,    \
                           PRODUCTS);                                                                                 \
    }

DEFINE_VARIANT(_portable, , nibble_products_portable)
DEFINE_VARIANT(_avx2, AVX2, IF_X86(nibble_products_avx2, nibble_products_portable))
DEFINE_VARIANT(_avx512_vnni, VNNI, IF_X86(nibble_products_vnni, nibble_products_portable))
DEFINE_VARIANT(_neon, , IF_NEON(nibble_products_neon, nibble_products_portable))

uint32_t kindred_graph_search(uint32_t *rows, const kindred_graph *graph, const kindred_graph_query *query,
                              kindred_graph_work *work, uint32_t ef, const uint32_t *entries, ptrdiff_t entry_count,
                              uint32_t seeds, const uint64_t *accepted, int32_t filter) {
#define CALL(SUFFIX)                                                                                                \
    kindred_graph_search##SUFFIX(rows, graph, query, work, ef, entries, entry_count, seeds, accepted, filter)
    uint32_t features = kindred_features();
    if (features & KINDRED_AVX512_VNNI) return CALL(_avx512_vnni);
    if (features & KINDRED_AVX2) return CALL(_avx2);
    if (features & KINDRED_NEON) return CALL(_neon);
    return CALL(_portable);
#undef CALL
}
