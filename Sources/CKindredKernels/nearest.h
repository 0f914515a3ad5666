// The selection of the nearest of many distances for neighbors.c. Not part of the module's interface.
#ifndef KINDRED_NEAREST_H
#define KINDRED_NEAREST_H

#include "gathered.h"

typedef struct {
    float distance;
    uint32_t index;
} nearby;

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
TARGET_AVX512_VNNI INLINE __m512 tile_of(const float *distances, ptrdiff_t start, ptrdiff_t count, ptrdiff_t self) {
    uint32_t lanes = count - start < TILE ? (1u << (count - start)) - 1 : 0xffff;
    if (self >= start && self < start + TILE) lanes &= ~(1u << (self - start));
    return _mm512_mask_loadu_ps(_mm512_set1_ps(__builtin_inff()), (__mmask16)lanes, distances + start);
}

// First a bound: the least of each lane over all tiles, and of these the `most`-th. Few more than `most` do not exceed
// it. Those are put in order in one register, where a new one finds its place without a loop or a branch.
TARGET_AVX512_VNNI INLINE ptrdiff_t nearest_of_avx512_vnni(nearby *best, ptrdiff_t most, const float *distances,
                                                           ptrdiff_t count, ptrdiff_t self) {
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
#else
#define nearest_of_avx512_vnni nearest_of_portable
#endif
#define nearest_of_avx2 nearest_of_portable
#define nearest_of_neon nearest_of_portable

#endif
