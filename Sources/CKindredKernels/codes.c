#include "kindred_codes.h"

#include "products.h"

enum { SUM_LANES = 16 };

INLINE ptrdiff_t packed_bytes(ptrdiff_t dimensions) { return (dimensions + 1) / 2; }

INLINE void pack(uint8_t *out, const uint16_t *codes, ptrdiff_t dimensions, int shift) {
    for (ptrdiff_t start = 0; start < dimensions; start += 2 * BLOCK) {
        ptrdiff_t half = block_half(dimensions, start), high = dimensions - start - half;
        if (high > half) high = half;
        const uint16_t *c = codes + start;
        uint8_t *to = out + start / 2;
        for (ptrdiff_t j = 0; j < high; j++) {
            to[j] = (uint8_t)((c[j] >> shift & 15) | (c[half + j] >> shift & 15) << 4);
        }
        if (high < half) to[high] = (uint8_t)(c[high] >> shift & 15);
    }
}

INLINE ptrdiff_t blocks_of(ptrdiff_t dimensions) { return (dimensions + 2 * BLOCK - 1) / (2 * BLOCK); }

// What the most significant nibble of a group stands for, against group 0's.
INLINE float head_weight(const kindred_code_layout *layout, int g) {
    const kindred_code_group *first = &layout->groups[0], *group = &layout->groups[g];
    return group->unit * (float)(1 << 4 * (group->nibbles - 1)) /
           (first->unit * (float)(1 << 4 * (first->nibbles - 1)));
}

INLINE float centre_of(int32_t nibbles) { return (float)((1 << 4 * nibbles) - 1) * 0.5f; }

INLINE void encode_body(uint8_t *head, uint8_t *rest, const float *vectors, const float *bias, ptrdiff_t count,
                        const kindred_code_layout *layout, uint16_t *work) {
    ptrdiff_t dimensions = 0;
    for (int g = 0; g < layout->group_count; g++) dimensions += layout->groups[g].dimensions;
    for (ptrdiff_t i = 0; i < count; i++) {
        const float *vector = vectors + i * dimensions;
        // The step that lets the largest element, by its group's measure, have the largest code.
        float step = 0;
        const float *x = vector;
        for (int g = 0; g < layout->group_count; g++) {
            const kindred_code_group *group = &layout->groups[g];
            float largest[SUM_LANES] = {0};
            ptrdiff_t j = 0;
            for (; j + SUM_LANES <= group->dimensions; j += SUM_LANES) {
                for (int lane = 0; lane < SUM_LANES; lane++) {
                    float size = __builtin_fabsf(x[j + lane]);
                    largest[lane] = size > largest[lane] ? size : largest[lane];
                }
            }
            for (; j < group->dimensions; j++) {
                float size = __builtin_fabsf(x[j]);
                largest[0] = size > largest[0] ? size : largest[0];
            }
            float most = 0;
            for (int lane = 0; lane < SUM_LANES; lane++) most = largest[lane] > most ? largest[lane] : most;
            most = most / (group->unit * centre_of(group->nibbles));
            step = most > step ? most : step;
            x += group->dimensions;
        }

        float square[SUM_LANES] = {0}, product[SUM_LANES] = {0}, head_product[SUM_LANES] = {0}, head_square = 0;
        x = vector;
        uint16_t *codes = work;
        for (int g = 0; g < layout->group_count; g++) {
            const kindred_code_group *group = &layout->groups[g];
            const float centre = centre_of(group->nibbles), unit = group->unit;
            const float inverse = step * unit > 1e-30f ? 1.0f / (step * unit) : 0, top = 2 * centre;
            const int shift = 4 * (group->nibbles - 1);
            const float weight = g < layout->head_groups ? head_weight(layout, g) : 0;
            for (ptrdiff_t j = 0; j < group->dimensions; j += SUM_LANES) {
                ptrdiff_t lanes = group->dimensions - j < SUM_LANES ? group->dimensions - j : SUM_LANES;
                for (int lane = 0; lane < lanes; lane++) {
                    float value = x[j + lane] * inverse + centre + 0.5f;
                    value = value < 0 ? 0 : value > top ? top : value;
                    int32_t u = (int32_t)value;
                    codes[j + lane] = (uint16_t)u;
                    square[lane] += x[j + lane] * x[j + lane];
                    product[lane] += x[j + lane] * (unit * ((float)u - centre));
                    head_product[lane] += x[j + lane] * (weight * (float)(16 * (u >> shift) - 120));
                }
            }
            if (g == layout->head_groups - 1) {
                for (int lane = 0; lane < SUM_LANES; lane++) head_square += square[lane];
            }
            codes += group->dimensions;
            x += group->dimensions;
        }
        float all_square = 0, all_product = 0, all_head = 0;
        for (int lane = 0; lane < SUM_LANES; lane++) {
            all_square += square[lane];
            all_product += product[lane];
            all_head += head_product[lane];
        }
        float head_factor = all_head > 0 ? head_square / all_head : 0;
        float factor = all_product > 0 ? all_square / all_product : 0;

        uint8_t *to = head + i * layout->head_blocks * BLOCK, *end = to + layout->head_blocks * BLOCK;
        memset(to, 0, (size_t)(end - to));
        codes = work;
        for (int g = 0; g < layout->head_groups; g++) {
            pack(to, codes, layout->groups[g].dimensions, 4 * (layout->groups[g].nibbles - 1));
            to += blocks_of(layout->groups[g].dimensions) * BLOCK;
            codes += layout->groups[g].dimensions;
        }
        memcpy(end - 4, &head_factor, 4);
        if (layout->has_bias) memcpy(end - 8, bias + i, 4);
        to = rest + i * layout->rest_stride;
        codes = work;
        for (int g = 0; g < layout->group_count; g++) {
            for (int32_t nibble = layout->groups[g].nibbles - (g < layout->head_groups ? 2 : 1); nibble >= 0;
                 nibble--) {
                pack(to, codes, layout->groups[g].dimensions, 4 * nibble);
                to += packed_bytes(layout->groups[g].dimensions);
            }
            codes += layout->groups[g].dimensions;
        }
        memcpy(to, &factor, 4);
    }
}

enum { RESCORE_BATCH = 64 };

INLINE void rescore_body(float *out, const kindred_code_run *runs, ptrdiff_t run_count, double constant, float offset,
                         const uint8_t *factor, ptrdiff_t factor_stride, const uint8_t *bias, ptrdiff_t bias_stride,
                         const uint32_t *rows, ptrdiff_t count, nibble_products *products) {
    int32_t high[RESCORE_BATCH], low[RESCORE_BATCH];
    double sums[RESCORE_BATCH];
    for (ptrdiff_t start = 0; start < count; start += RESCORE_BATCH) {
        ptrdiff_t n = count - start < RESCORE_BATCH ? count - start : RESCORE_BATCH;
        const uint32_t *batch = rows + start;
        // Rows lie at random: all their lines are asked for before the first is needed.
        for (ptrdiff_t i = 0; i < n; i++) {
            const uint8_t *end = factor + (ptrdiff_t)batch[i] * factor_stride;
            for (ptrdiff_t back = 0; back < factor_stride; back += BLOCK) __builtin_prefetch(end - back);
            sums[i] = 0;
        }
        for (ptrdiff_t r = 0; r < run_count; r++) {
            const kindred_code_run *run = &runs[r];
            products(high, run->plane, run->stride, run->blocks, run->high, batch, n);
            products(low, run->plane, run->stride, run->blocks, run->low, batch, n);
            for (ptrdiff_t i = 0; i < n; i++) sums[i] += run->weight * (128.0 * high[i] + low[i]);
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            float f, b = 0;
            memcpy(&f, factor + (ptrdiff_t)batch[i] * factor_stride, 4);
            if (bias) memcpy(&b, bias + (ptrdiff_t)batch[i] * bias_stride, 4);
            out[start + i] = offset + (float)(f * (sums[i] - constant)) + b;
        }
    }
}

#define DEFINE(SUFFIX, TARGET, ...)                                                                                    \
    TARGET void kindred_code_products##SUFFIX(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks,  \
                                              const int8_t *query, const uint32_t *rows, ptrdiff_t count) {            \
        nibble_products##SUFFIX(out, plane, stride, blocks, query, rows, count);                                       \
    }                                                                                                                  \
    TARGET void kindred_encode##SUFFIX(uint8_t *head, uint8_t *rest, const float *vectors, const float *bias,          \
                                       ptrdiff_t count, const kindred_code_layout *layout, uint16_t *work) {           \
        encode_body(head, rest, vectors, bias, count, layout, work);                                                   \
    }                                                                                                                  \
    TARGET void kindred_rescore##SUFFIX(float *out, const kindred_code_run *runs, ptrdiff_t run_count,                 \
                                        double constant, float offset, const uint8_t *factor, ptrdiff_t factor_stride, \
                                        const uint8_t *bias, ptrdiff_t bias_stride, const uint32_t *rows,              \
                                        ptrdiff_t count) {                                                             \
        rescore_body(out, runs, run_count, constant, offset, factor, factor_stride, bias, bias_stride, rows, count,    \
                     nibble_products##SUFFIX);                                                                         \
    }

DEFINE(_portable, )
CODE_VARIANTS(DEFINE)

void kindred_code_products(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks, const int8_t *query,
                           const uint32_t *rows, ptrdiff_t count) {
    DISPATCH(CODE_VARIANTS, kindred_code_products, (out, plane, stride, blocks, query, rows, count))
}

void kindred_encode(uint8_t *head, uint8_t *rest, const float *vectors, const float *bias, ptrdiff_t count,
                    const kindred_code_layout *layout, uint16_t *work) {
    DISPATCH(CODE_VARIANTS, kindred_encode, (head, rest, vectors, bias, count, layout, work))
}

void kindred_rescore(float *out, const kindred_code_run *runs, ptrdiff_t run_count, double constant, float offset,
                     const uint8_t *factor, ptrdiff_t factor_stride, const uint8_t *bias, ptrdiff_t bias_stride,
                     const uint32_t *rows, ptrdiff_t count) {
    DISPATCH(CODE_VARIANTS, kindred_rescore,
             (out, runs, run_count, constant, offset, factor, factor_stride, bias, bias_stride, rows, count))
}

// Adds a packed plane's nibbles to the codes, shifted.
static void unpack(uint16_t *codes, const uint8_t *packed, ptrdiff_t dimensions, int shift) {
    for (ptrdiff_t i = 0; i < dimensions; i++) {
        ptrdiff_t start = i / (2 * BLOCK) * (2 * BLOCK), half = block_half(dimensions, start), within = i - start;
        uint8_t byte = packed[start / 2 + (within < half ? within : within - half)];
        codes[i] |= (uint16_t)((within < half ? byte & 15 : byte >> 4) << shift);
    }
}

void kindred_decode(float *vector, const uint8_t *head, const uint8_t *rest, const kindred_code_layout *layout) {
    float factor;
    memcpy(&factor, rest + layout->rest_stride - 4, 4);
    for (int g = 0; g < layout->group_count; g++) {
        const kindred_code_group *group = &layout->groups[g];
        for (ptrdiff_t start = 0; start < group->dimensions; start += 2 * BLOCK) {
            // 128 dimensions at a time, whole blocks of every plane.
            ptrdiff_t n = group->dimensions - start < 2 * BLOCK ? group->dimensions - start : 2 * BLOCK;
            uint16_t codes[2 * BLOCK] = {0};
            const uint8_t *plane = rest;
            for (int32_t nibble = group->nibbles - 1; nibble >= 0; nibble--) {
                if (g < layout->head_groups && nibble == group->nibbles - 1) {
                    unpack(codes, head + start / 2, n, 4 * nibble);
                } else {
                    unpack(codes, plane + start / 2, n, 4 * nibble);
                    plane += packed_bytes(group->dimensions);
                }
            }
            for (ptrdiff_t j = 0; j < n; j++) {
                vector[start + j] = factor * (group->unit * ((float)codes[j] - centre_of(group->nibbles)));
            }
        }
        vector += group->dimensions;
        rest += packed_bytes(group->dimensions) * (group->nibbles - (g < layout->head_groups ? 1 : 0));
        if (g < layout->head_groups) head += blocks_of(group->dimensions) * BLOCK;
    }
}

void kindred_unpack_head(uint8_t *out, const uint8_t *head, ptrdiff_t blocks, ptrdiff_t dimensions, int32_t weight) {
    unpack_head(out, head, blocks, dimensions, weight);
}
