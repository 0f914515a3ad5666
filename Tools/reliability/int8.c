// The 8-bit products at random shapes: each variant that this processor has against the portable one, bit for bit.
// Built as kernels.c is, with int8_rows.c, int8_multiply.c and features.c.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kindred_features.h"
#include "kindred_int8.h"

static uint64_t state = 1;
static uint64_t random64(void) {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
static ptrdiff_t below(ptrdiff_t n) { return (ptrdiff_t)(random64() % (uint64_t)n); }
static void *block(size_t bytes) {
    void *p = calloc(1, bytes);
    if (!p) abort();
    return p;
}
static float *numbers(ptrdiff_t count) {
    float *p = block((size_t)count * sizeof *p);
    for (ptrdiff_t i = 0; i < count; i++) p[i] = (float)(random64() >> 40) * 0x1p-23f - 1;
    return p;
}

static const struct {
    const char *name;
    uint32_t needs;
    __typeof__(kindred_int8_rows) *rows;
    __typeof__(kindred_int8_multiply) *multiply;
} variants[] = {
    {"portable", 0, kindred_int8_rows_portable, kindred_int8_multiply_portable},
    {"dispatched", 0, kindred_int8_rows, kindred_int8_multiply},
    {"avx2", KINDRED_AVX2, kindred_int8_rows_avx2, kindred_int8_multiply_avx2},
    {"avx_vnni", KINDRED_AVX_VNNI, kindred_int8_rows_avx_vnni, kindred_int8_multiply_avx_vnni},
    {"avx512_vnni", KINDRED_AVX512_VNNI, kindred_int8_rows_avx512_vnni, kindred_int8_multiply_avx512_vnni},
    {"neon", KINDRED_NEON, kindred_int8_rows_neon, kindred_int8_multiply_neon},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

int main(int count, char **arguments) {
    const int trials = count > 1 ? atoi(arguments[1]) : 500;
    for (int trial = 0; trial < trials; trial++) {
        const ptrdiff_t rows = 1 + below(20), columns = 1 + below(150), inner = 1 + below(300);
        const ptrdiff_t stride = columns + below(4);
        const int adding = (int)below(2);
        float *a = numbers(rows * inner), *b = numbers(columns * inner), *start = numbers(rows * stride);
        if (below(4) == 0) memset(a, 0, (size_t)inner * sizeof *a);
        if (below(4) == 0) a[below(rows * inner)] = below(2) ? 1e30f : INFINITY;
        int8_t *quantized = block((size_t)(columns * inner));
        int8_t *packed = block((size_t)kindred_int8_packed_count(columns, inner));
        float *column_scales = block((size_t)columns * 4), *scales = block((size_t)rows * 4);
        int32_t *sums = block((size_t)columns * 4);
        kindred_int8_quantize(quantized, column_scales, b, inner, columns, inner);
        kindred_int8_pack(packed, sums, quantized, columns, inner);
        float *out[2] = {block((size_t)(rows * stride) * 4), block((size_t)(rows * stride) * 4)};
        int16_t *work = block((size_t)kindred_int8_work_count(inner) * sizeof *work);
        for (int v = 0; v < VARIANTS; v++) {
            if ((kindred_features() & variants[v].needs) != variants[v].needs) continue;
            uint8_t *left = block((size_t)(rows * kindred_int8_row_bytes(inner)));
            float *y = out[v > 0];
            memcpy(y, start, (size_t)(rows * stride) * 4);
            variants[v].rows(left, scales, a, inner, rows, inner);
            variants[v].multiply(y, stride, left, scales, packed, column_scales, sums, rows, columns, inner, adding,
                                 work);
            if (memcmp(out[0], y, (size_t)(rows * stride) * 4) != 0) {
                fprintf(stderr, "trial %d: %s differs from the portable variant\n", trial, variants[v].name);
                return 1;
            }
            free(left);
        }
        free(a), free(b), free(start), free(quantized), free(packed), free(column_scales), free(scales), free(sums);
        free(out[0]), free(out[1]), free(work);
    }
    printf("%d shapes of 8-bit products: every variant the same\n", trials);
    return 0;
}
