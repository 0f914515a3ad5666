// The pool of the best nodes on a walk (kindred_graph.h): sorted keys. Not part of the module's interface.
#ifndef KINDRED_POOL_H
#define KINDRED_POOL_H

#include <stdint.h>
#include <string.h>

#include "dispatch.h"

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

#endif
