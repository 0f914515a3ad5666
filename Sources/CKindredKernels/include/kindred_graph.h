// The walk over a graph whose nodes are rows of head codes (kindred_codes.h), best first (Malkov and Yashunin 2018,
// Algorithm 2, on one level).
//
// Nodes are compared by similarity: offset + factor * scale * (16 * products - 120 * sum) + bias. A pool holds the ef
// best as keys, in rising order: the float's bits in an order where the larger similarity is the smaller number, then
// the row, then whether it was expanded; so the order is total, and every variant walks the same way.
#ifndef KINDRED_GRAPH_H
#define KINDRED_GRAPH_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *head;  ///< count rows of head_blocks * 64 bytes
    ptrdiff_t head_blocks;
    const uint8_t *links;  ///< count rows of `width` neighbours of `id_bytes` bytes each; one more byte is readable
    ptrdiff_t width;       ///< at most KINDRED_MOST_LINKS
    int32_t id_bytes;      ///< 3 or 4, least significant first; a neighbour >= count ends a list
    int32_t has_bias;
    uint32_t count;  ///< below 2^31
} kindred_graph;

typedef struct {
    const int8_t *bytes;  ///< head_blocks * 128
    float scale;
    float offset;
    int32_t sum;  ///< of the bytes
} kindred_graph_query;

/// Memory of one walk. Between calls `visited` is zero.
typedef struct {
    uint64_t *visited;  ///< a bit for each node
    uint32_t *touched;  ///< count + KINDRED_MOST_LINKS elements
    uint64_t *pool;     ///< ef elements
    uint64_t *found;    ///< ef elements; used with a filter
    uint32_t count;     ///< nodes that the last walk found
} kindred_graph_work;

enum { KINDRED_MOST_LINKS = 256, KINDRED_MOST_WALKS = 8 };

/// How a filter is applied on the walk.
enum {
    KINDRED_ACCEPT_ALL = 0,
    KINDRED_COLLECT_ACCEPTED = 1,  ///< walk over every node, collect those accepted
    KINDRED_TWO_HOPS = 2,  ///< compare accepted nodes only; behind a rejected neighbour its neighbours are looked at
};

/// How every walk of a call goes.
typedef struct {
    uint32_t ef;              ///< nodes that the pool holds, and that a walk finds at most
    uint32_t seeds;           ///< how many of the best entries a walk starts from
    const uint32_t *entries;  ///< entry_count nodes, each below the graph's count
    ptrdiff_t entry_count;
    const uint64_t *accepted;  ///< a bit for each node; not read with KINDRED_ACCEPT_ALL
    int32_t filter;            ///< KINDRED_ACCEPT_ALL, KINDRED_COLLECT_ACCEPTED or KINDRED_TWO_HOPS
} kindred_graph_walk;

/// Walks for `count` <= KINDRED_MOST_WALKS queries, each with memory of its own; a walk does not depend on the others.
///
/// For query i, rows[i * ef ...] are the best nodes, best first, similarities[i * ef ...] their similarities, and
/// works[i].count how many they are, at most ef.
void kindred_graph_search(uint32_t *rows, float *similarities, const kindred_graph *graph,
                          const kindred_graph_query *queries, kindred_graph_work *works, ptrdiff_t count,
                          const kindred_graph_walk *walk);

// Variants (kindred_features.h).
__typeof__(kindred_graph_search) kindred_graph_search_portable, kindred_graph_search_avx2,
    kindred_graph_search_avx512_vnni, kindred_graph_search_neon;

#endif
