#include <string.h>

#include "kindred_neighbors.h"

// 16 bits in the order of the distances: 8 of the exponent and 8 of the mantissa.
static uint16_t rounded_distance(float distance) {
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
