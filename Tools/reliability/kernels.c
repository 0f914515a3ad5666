// The kernels of the vector index at random shapes, in memory of just the sizes that their headers ask for, each variant
// against the portable one. For sanitizers:
//
//   clang -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -ISources/CKindredKernels/include \
//       Tools/reliability/kernels.c Sources/CKindredKernels/{codes,graph,neighbors,candidates,features}.c -lm -o kernels
//   ./kernels 2000
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kindred_codes.h"
#include "kindred_features.h"
#include "kindred_graph.h"
#include "kindred_neighbors.h"

static uint64_t state = 1;
static uint64_t random64(void) {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
static ptrdiff_t below(ptrdiff_t n) { return (ptrdiff_t)(random64() % (uint64_t)n); }
static float unit(void) { return (float)(random64() >> 40) * 0x1p-23f - 1; }
// Exactly so many bytes, so that the next one is a redzone.
static void *block(size_t bytes) {
    void *p = malloc(bytes ? bytes : 1);
    if (!p) abort();
    memset(p, 0, bytes);
    return p;
}
static void check(int ok, const char *what, int trial) {
    if (!ok) {
        fprintf(stderr, "trial %d: %s differs from the portable variant\n", trial, what);
        exit(1);
    }
}

static const ptrdiff_t sizes[] = {1, 2, 3, 17, 64, 100, 112, 113, 120, 121, 127, 128, 129, 248, 249, 384, 1000, 2048};
static const ptrdiff_t counts[] = {1, 2, 3, 7, 16, 17, 65, 100, 300};
#define ONE_OF(list) (list)[below((ptrdiff_t)(sizeof(list) / sizeof *(list)))]

typedef struct {
    kindred_code_layout layout;
    ptrdiff_t dimensions, count, head_bytes;
    uint8_t *head, *rest;
} codes;

static codes random_codes(int trial) {
    codes c = {.dimensions = ONE_OF(sizes), .count = ONE_OF(counts)};
    kindred_code_layout *l = &c.layout;
    l->has_bias = (int32_t)below(2);
    ptrdiff_t left = c.dimensions;
    while (left > 0 && l->group_count < 4) {
        ptrdiff_t n = left;
        if (l->group_count < 3 && left > 128 && below(2)) n = 128 * (1 + below((left - 1) / 128));
        l->groups[l->group_count++] = (kindred_code_group){n, 1 + (int32_t)below(3), l->group_count ? ldexpf(1, -(int)below(9)) : 1};
        left -= n;
    }
    l->head_groups = l->group_count > 1 ? 1 + (int32_t)below(2) : 1;
    ptrdiff_t in_head = 0;
    for (int g = 0; g < l->head_groups; g++) in_head += l->groups[g].dimensions;
    l->head_blocks = (in_head + (l->has_bias ? 16 : 8) + 127) / 128;
    l->rest_stride = 4;
    for (int g = 0; g < l->group_count; g++) {
        l->rest_stride += (l->groups[g].dimensions + 1) / 2 * (l->groups[g].nibbles - (g < l->head_groups));
    }
    c.head_bytes = l->head_blocks * 64;
    float *vectors = block((size_t)(c.count * c.dimensions) * 4), *bias = block((size_t)c.count * 4);
    const float scale = ldexpf(1, (int)below(60) - 40);
    for (ptrdiff_t i = 0; i < c.count * c.dimensions; i++) vectors[i] = below(50) ? scale * unit() : 0;
    if (below(4) == 0) memset(vectors, 0, (size_t)c.dimensions * 4);
    for (ptrdiff_t i = 0; i < c.count; i++) bias[i] = unit();
    uint16_t *work = block((size_t)c.dimensions * 2);
    c.head = block((size_t)(c.count * c.head_bytes));
    c.rest = block((size_t)(c.count * l->rest_stride) + 64);
    kindred_encode_portable(c.head, c.rest, vectors, l->has_bias ? bias : NULL, c.count, l, work);
    uint8_t *head = block((size_t)(c.count * c.head_bytes)), *rest = block((size_t)(c.count * l->rest_stride) + 64);
    kindred_encode(head, rest, vectors, l->has_bias ? bias : NULL, c.count, l, work);
    check(!memcmp(head, c.head, (size_t)(c.count * c.head_bytes)), "encode, head", trial);
    check(!memcmp(rest, c.rest, (size_t)(c.count * l->rest_stride)), "encode, rest", trial);
    float *decoded = block((size_t)c.dimensions * 4);
    for (ptrdiff_t i = 0; i < c.count; i++) {
        kindred_decode(decoded, c.head + i * c.head_bytes, c.rest + i * l->rest_stride, l);
    }
    free(vectors), free(bias), free(work), free(head), free(rest), free(decoded);
    return c;
}

static void rescored(const codes *c, int trial) {
    kindred_code_run runs[12];
    ptrdiff_t n = 0, head = 0, rest = 0;
    int8_t *bytes[12][2];
    for (int g = 0; g < c->layout.group_count; g++) {
        const kindred_code_group *group = &c->layout.groups[g];
        const ptrdiff_t blocks = (group->dimensions + 127) / 128, packed = (group->dimensions + 1) / 2;
        for (int32_t nibble = group->nibbles - 1; nibble >= 0; nibble--, n++) {
            for (int part = 0; part < 2; part++) {
                bytes[n][part] = block((size_t)blocks * 128);
                for (ptrdiff_t i = 0; i < blocks * 128; i++) bytes[n][part][i] = (int8_t)(below(255) - 127);
            }
            const int in_head = g < c->layout.head_groups && nibble == group->nibbles - 1;
            runs[n] = (kindred_code_run){in_head ? c->head + head : c->rest + rest,
                                         in_head ? c->head_bytes : c->layout.rest_stride, blocks, bytes[n][0], bytes[n][1],
                                         1};
            if (in_head) head += blocks * 64;
            else rest += packed;
        }
    }
    const ptrdiff_t rows = below(c->count + 1);
    uint32_t *chosen = block((size_t)rows * 4);
    for (ptrdiff_t i = 0; i < rows; i++) chosen[i] = (uint32_t)below(c->count);
    float *a = block((size_t)rows * 4), *b = block((size_t)rows * 4);
    const uint8_t *bias = c->layout.has_bias ? c->head + c->head_bytes - 8 : NULL, *factor = c->rest + c->layout.rest_stride - 4;
    kindred_rescore_portable(a, runs, n, 3, 0.5f, factor, c->layout.rest_stride, bias, c->head_bytes, chosen, rows);
    kindred_rescore(b, runs, n, 3, 0.5f, factor, c->layout.rest_stride, bias, c->head_bytes, chosen, rows);
    check(!memcmp(a, b, (size_t)rows * 4), "rescore", trial);
    if (kindred_features() & KINDRED_AVX2) {
        kindred_rescore_avx2(b, runs, n, 3, 0.5f, factor, c->layout.rest_stride, bias, c->head_bytes, chosen, rows);
        check(!memcmp(a, b, (size_t)rows * 4), "rescore, AVX2", trial);
    }
    for (ptrdiff_t i = 0; i < n; i++) free(bytes[i][0]), free(bytes[i][1]);
    free(chosen), free(a), free(b);
}

static void walked(const codes *c, int trial) {
    const ptrdiff_t width = 1 + below(40), id_bytes = 3 + below(2), walks = 1 + below(KINDRED_MOST_WALKS);
    const uint32_t ef = (uint32_t)(1 + below(c->count + 20));
    uint8_t *links = block((size_t)(c->count * width * id_bytes) + 1);
    for (ptrdiff_t i = 0; i < c->count * width; i++) {
        uint32_t id = below(20) ? (uint32_t)below(c->count) : 0xFFFFFFFF;
        memcpy(links + i * id_bytes, &id, (size_t)id_bytes);
    }
    kindred_graph graph = {c->head, c->layout.head_blocks, links, width, (int32_t)id_bytes, c->layout.has_bias, (uint32_t)c->count};
    kindred_graph_query queries[KINDRED_MOST_WALKS];
    kindred_graph_work works[KINDRED_MOST_WALKS];
    int8_t *bytes[KINDRED_MOST_WALKS];
    for (ptrdiff_t w = 0; w < walks; w++) {
        bytes[w] = block((size_t)c->layout.head_blocks * 128);
        queries[w] = (kindred_graph_query){bytes[w], 0.01f, 0.5f, 0};
        for (ptrdiff_t i = 0; i < c->layout.head_blocks * 128; i++) {
            bytes[w][i] = (int8_t)(below(255) - 127);
            queries[w].sum += bytes[w][i];
        }
        works[w] = (kindred_graph_work){block((size_t)(c->count + 63) / 64 * 8),
                                        block((size_t)(c->count + KINDRED_MOST_LINKS) * 4), block(ef * 8ul),
                                        block(ef * 8ul), 0};
    }
    const ptrdiff_t entry_count = 1 + below(c->count);
    uint32_t *entries = block((size_t)entry_count * 4);
    for (ptrdiff_t i = 0; i < entry_count; i++) entries[i] = (uint32_t)(i * c->count / entry_count);
    uint64_t *accepted = block((size_t)(c->count + 63) / 64 * 8);
    for (ptrdiff_t i = 0; i < (c->count + 63) / 64; i++) accepted[i] = below(3) ? random64() & random64() : 0;
    uint32_t *rows[2];
    float *similarities[2];
    for (int i = 0; i < 2; i++) rows[i] = block((size_t)walks * ef * 4), similarities[i] = block((size_t)walks * ef * 4);
    for (int32_t filter = 0; filter < 3; filter++) {
        uint32_t found[KINDRED_MOST_WALKS];
        for (int variant = 0; variant < 3; variant++) {
            if (variant == 2 && !(kindred_features() & KINDRED_AVX2)) continue;
            (variant == 0 ? kindred_graph_search_portable : variant == 1 ? kindred_graph_search : kindred_graph_search_avx2)(
                rows[variant > 0], similarities[variant > 0], &graph, queries, works, walks,
                &(kindred_graph_walk){ef, 8, entries, entry_count, filter ? accepted : NULL, filter});
            for (ptrdiff_t w = 0; w < walks; w++) {
                if (variant == 0) found[w] = works[w].count;
                check(works[w].count == found[w] &&
                          !memcmp(rows[0] + w * ef, rows[variant > 0] + w * ef, found[w] * 4ul) &&
                          !memcmp(similarities[0] + w * ef, similarities[variant > 0] + w * ef, found[w] * 4ul),
                      "walk", trial);
                for (ptrdiff_t i = 0; i < (c->count + 63) / 64; i++) check(works[w].visited[i] == 0, "visited", trial);
            }
        }
    }
    for (ptrdiff_t w = 0; w < walks; w++) {
        free(bytes[w]), free(works[w].visited), free(works[w].touched), free(works[w].pool), free(works[w].found);
    }
    for (int i = 0; i < 2; i++) free(rows[i]), free(similarities[i]);
    free(links), free(entries), free(accepted);
}

static void neighbours(const codes *c, int trial) {
    float *extra = block((size_t)c->count * 4);
    for (ptrdiff_t i = 0; i < c->count; i++) extra[i] = (float)below(3);
    kindred_heads heads = {c->head, c->layout.head_blocks, c->layout.head_groups, {0, 0}, {64, 0}, below(2) ? extra : NULL};
    for (int g = 0; g < c->layout.head_groups; g++) heads.dimensions[g] = c->layout.groups[g].dimensions;
    if (c->layout.head_groups > 1) heads.weights[1] = (int32_t)below(65);
    const ptrdiff_t keep = 1 + below(20), look = keep + below(30), candidates = below(KINDRED_MOST_CANDIDATES + 1);
    const ptrdiff_t limit = 1 + below(40), nearest = 1 + below(c->count < 16 ? c->count : 16);
    uint32_t *rows = block((size_t)c->count * 4), *given = block((size_t)candidates * 4);
    for (ptrdiff_t i = 0; i < c->count; i++) rows[i] = (uint32_t)i;
    for (ptrdiff_t i = 0; i < candidates; i++) given[i] = (uint32_t)below(c->count);
    uint32_t *near[2], *kept[2], *leaders[2];
    float *distances[2];
    ptrdiff_t kept_count[2];
    for (int variant = 0; variant < 3; variant++) {
        if (variant == 2 && !(kindred_features() & KINDRED_AVX2)) continue;
        const int i = variant > 0;
        near[i] = block((size_t)(c->count * keep) * 4), distances[i] = block((size_t)(c->count * keep) * 4);
        kept[i] = block(KINDRED_MOST_CANDIDATES * 4), leaders[i] = block((size_t)(c->count * nearest) * 4);
        const size_t for_rows = kindred_neighbors_work(c->count, heads.blocks);
        const size_t for_prune = kindred_neighbors_work(candidates + 1, heads.blocks);
        uint8_t *work = aligned_alloc(64, (for_rows + 63) / 64 * 64), *work2 = aligned_alloc(64, (for_prune + 63) / 64 * 64);
        (variant == 0 ? kindred_leaf_neighbors_portable : variant == 1 ? kindred_leaf_neighbors : kindred_leaf_neighbors_avx2)(
            near[i], distances[i], &heads, rows, c->count, look, keep, 1.2f, work);
        kept_count[i] = (variant == 0 ? kindred_prune_portable : variant == 1 ? kindred_prune : kindred_prune_avx2)(
            kept[i], &heads, (uint32_t)(c->count / 2), given, candidates, limit, limit / 2, 1.2f, work2);
        (variant == 0 ? kindred_nearest_leaders_portable : variant == 1 ? kindred_nearest_leaders : kindred_nearest_leaders_avx2)(
            leaders[i], &heads, rows, c->count, rows, c->count, nearest, work);
        free(work), free(work2);
        if (i == 0) continue;
        check(!memcmp(near[0], near[1], (size_t)(c->count * keep) * 4), "leaf", trial);
        check(kept_count[0] == kept_count[1] && !memcmp(kept[0], kept[1], (size_t)kept_count[0] * 4), "prune", trial);
        check(!memcmp(leaders[0], leaders[1], (size_t)(c->count * nearest) * 4), "leaders", trial);
        const ptrdiff_t capacity = 1 + below(30);
        uint32_t *lists = block((size_t)(c->count * capacity) * 4);
        uint16_t *far = block((size_t)(c->count * capacity) * 2);
        memset(lists, 0xFF, (size_t)(c->count * capacity) * 4);
        for (int times = 0; times < 2; times++) {
            kindred_merge_candidates(lists, far, capacity, rows, c->count, near[1], distances[1], keep, 0, 1);
        }
        free(lists), free(far), free(near[1]), free(distances[1]), free(kept[1]), free(leaders[1]);
    }
    free(near[0]), free(distances[0]), free(kept[0]), free(leaders[0]);
    free(extra), free(rows), free(given);
}

int main(int count, char **arguments) {
    const int trials = count > 1 ? atoi(arguments[1]) : 500;
    for (int trial = 0; trial < trials; trial++) {
        codes c = random_codes(trial);
        rescored(&c, trial);
        walked(&c, trial);
        neighbours(&c, trial);
        free(c.head), free(c.rest);
    }
    printf("%d shapes: nothing outside, nothing undefined, every variant the same\n", trials);
    return 0;
}
