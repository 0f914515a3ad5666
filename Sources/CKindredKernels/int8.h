// What int8_rows.c and int8_multiply.c share: the layout of the packed factor. Not part of the module's interface.
#ifndef KINDRED_INT8_BODIES_H
#define KINDRED_INT8_BODIES_H

#include <string.h>

#include "kindred_int8.h"
#include "lanes.h"

enum { PANEL = 16, GROUP = 4, TILE_ROWS = 6, OFFSET = 128 };

// Group `i / GROUP` of a column's panel is at `i * PANEL` from here.
INLINE ptrdiff_t packed_offset(ptrdiff_t column, ptrdiff_t stride) {
    return column / PANEL * PANEL * stride + column % PANEL * GROUP;
}

// The last step of every variant, in this order, so that all round alike.
INLINE void finish(float *y, int32_t sum, float row_scale, float column_scale, int adding) {
    float scale = row_scale * column_scale;
    float value = (float)sum * scale;
    *y = adding ? *y + value : value;
}

#endif
