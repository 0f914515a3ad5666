#include "kindred_graph.h"

#include "pool.h"
#include "products.h"

enum { BATCH = 256 };

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

// What a call's walks share. The filter and the size of ids are constants of each walk that is compiled.
typedef struct {
    const kindred_graph *graph;
    kindred_graph_walk walk;
    int32_t id_bytes;
    nibble_products *products;
} shared;

// One query's walk, between two of its steps.
typedef struct {
    const kindred_graph_query *query;
    kindred_graph_work *work;
    uint32_t in_pool, in_found, touches, cursor;
    int is_done;
    row_batch batch;
} walk_state;

INLINE void start(walk_state *walk, const shared *all) {
    kindred_graph_work *work = walk->work;
    const uint32_t *entries = all->walk.entries;
    const ptrdiff_t entry_count = all->walk.entry_count;
    const uint32_t ef = all->walk.ef, seeds = all->walk.seeds;
    float scores[BATCH];
    walk->in_pool = walk->in_found = walk->touches = walk->cursor = 0;
    walk->is_done = 0;
    const uint32_t room = seeds < ef ? seeds : ef;
    for (ptrdiff_t start = 0; start < entry_count; start += BATCH) {
        ptrdiff_t n = entry_count - start < BATCH ? entry_count - start : BATCH;
        score(scores, all->graph, walk->query, entries + start, n, all->products);
        for (ptrdiff_t i = 0; i < n; i++) {
            insert(work->pool, &walk->in_pool, room, key_of(scores[i], entries[start + i]));
        }
    }
    for (uint32_t i = 0; i < walk->in_pool; i++) {
        uint32_t row = row_of(work->pool[i]);
        work->visited[row >> 6] |= 1ull << (row & 63);
        work->touched[walk->touches++] = row;
        if (all->walk.filter != KINDRED_ACCEPT_ALL && has_bit(all->walk.accepted, row)) {
            insert(work->found, &walk->in_found, ef, work->pool[i]);
        }
        prefetch_links(all->graph, row, all->id_bytes);
    }
}

// Expands the best node that is not yet: puts its neighbours into the batch and asks for their heads.
INLINE void expand(walk_state *walk, const shared *all) {
    const kindred_graph *graph = all->graph;
    const uint64_t *accepted = all->walk.accepted;
    const int32_t id_bytes = all->id_bytes;
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
    batch->rows = work->touched + walk->touches;
    batch->count = 0;
    if (all->walk.filter == KINDRED_TWO_HOPS) {
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
}

// Compares the batch with the query and puts its rows into the pool.
INLINE void take(walk_state *walk, const shared *all) {
    const uint32_t ef = all->walk.ef;
    const int32_t filter = all->walk.filter;
    kindred_graph_work *work = walk->work;
    const row_batch *batch = &walk->batch;
    float scores[BATCH];
    score(scores, all->graph, walk->query, batch->rows, batch->count, all->products);
    for (ptrdiff_t i = 0; i < batch->count; i++) {
        uint64_t key = key_of(scores[i], batch->rows[i]);
        uint32_t place = insert(work->pool, &walk->in_pool, ef, key);
        walk->cursor = place < walk->cursor ? place : walk->cursor;
        if (filter == KINDRED_TWO_HOPS ||
            (filter == KINDRED_COLLECT_ACCEPTED && has_bit(all->walk.accepted, batch->rows[i]))) {
            insert(work->found, &walk->in_found, ef, key);
        }
    }
    if (walk->cursor < walk->in_pool) prefetch_links(all->graph, row_of(work->pool[walk->cursor]), all->id_bytes);
}

INLINE void finish(walk_state *walk, uint32_t *rows, float *similarities, int32_t filter) {
    kindred_graph_work *work = walk->work;
    for (uint32_t i = 0; i < walk->touches; i++) work->visited[work->touched[i] >> 6] = 0;
    const uint64_t *best = filter == KINDRED_ACCEPT_ALL ? work->pool : work->found;
    work->count = filter == KINDRED_ACCEPT_ALL ? walk->in_pool : walk->in_found;
    for (uint32_t i = 0; i < work->count; i++) {
        rows[i] = row_of(best[i]);
        similarities[i] = similarity_of(best[i]);
    }
}

// The walks take turns: while the neighbours of one are on their way from memory, the others are compared.
INLINE void search_body(uint32_t *rows, float *similarities, const kindred_graph_query *queries,
                        kindred_graph_work *works, ptrdiff_t count, const shared *all) {
    const uint32_t ef = all->walk.ef;
    walk_state walks[KINDRED_MOST_WALKS];
    for (ptrdiff_t i = 0; i < count; i++) {
        walks[i].query = &queries[i];
        walks[i].work = &works[i];
        start(&walks[i], all);
    }
    for (ptrdiff_t i = 0; i < count; i++) expand(&walks[i], all);
    for (ptrdiff_t left = count; left > 0;) {
        left = 0;
        for (ptrdiff_t i = 0; i < count; i++) {
            if (walks[i].is_done) continue;
            take(&walks[i], all);
            expand(&walks[i], all);
            left += !walks[i].is_done;
        }
    }
    for (ptrdiff_t i = 0; i < count; i++) finish(&walks[i], rows + i * ef, similarities + i * ef, all->walk.filter);
}

// Without a filter, a walk is compiled for each size of ids.
INLINE void search(uint32_t *rows, float *similarities, const kindred_graph *graph, const kindred_graph_query *queries,
                   kindred_graph_work *works, ptrdiff_t count, const kindred_graph_walk *walk,
                   nibble_products *products) {
    shared all = {graph, *walk, graph->id_bytes, products};
    if (walk->filter != KINDRED_ACCEPT_ALL) {
        search_body(rows, similarities, queries, works, count, &all);
        return;
    }
    all.walk.filter = KINDRED_ACCEPT_ALL;
    all.walk.accepted = NULL;
    if (graph->id_bytes == 3) {
        all.id_bytes = 3;
        search_body(rows, similarities, queries, works, count, &all);
    } else {
        all.id_bytes = 4;
        search_body(rows, similarities, queries, works, count, &all);
    }
}

#define DEFINE(SUFFIX, TARGET, ...)                                                                                    \
    TARGET void kindred_graph_search##SUFFIX(uint32_t *rows, float *similarities, const kindred_graph *graph,          \
                                             const kindred_graph_query *queries, kindred_graph_work *works,            \
                                             ptrdiff_t count, const kindred_graph_walk *walk) {                        \
        search(rows, similarities, graph, queries, works, count, walk, nibble_products##SUFFIX);                       \
    }

DEFINE(_portable, )
CODE_VARIANTS(DEFINE)

void kindred_graph_search(uint32_t *rows, float *similarities, const kindred_graph *graph,
                          const kindred_graph_query *queries, kindred_graph_work *works, ptrdiff_t count,
                          const kindred_graph_walk *walk) {
    DISPATCH(CODE_VARIANTS, kindred_graph_search, (rows, similarities, graph, queries, works, count, walk))
}
