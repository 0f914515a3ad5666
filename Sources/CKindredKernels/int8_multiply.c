#include "int8.h"

INLINE void multiply_portable(float *out, ptrdiff_t out_stride, const uint8_t *a, const float *row_scales,
                              const int8_t *packed, const float *column_scales, const int32_t *sums, ptrdiff_t rows,
                              ptrdiff_t columns, ptrdiff_t inner, int adding, int16_t *work) {
    (void)sums, (void)work;
    ptrdiff_t stride = kindred_int8_stride(inner);
    for (ptrdiff_t left = 0; left < columns; left += PANEL) {
        const int8_t *panel = packed + left * stride;
        ptrdiff_t width = columns - left < PANEL ? columns - left : PANEL;
        for (ptrdiff_t row = 0; row < rows; row++) {
            const uint8_t *x = a + row * stride;
            int32_t totals[PANEL] = {0};
            for (ptrdiff_t i = 0; i < stride; i += GROUP) {
                const int8_t *b = panel + i * PANEL;
                for (int j = 0; j < PANEL; j++)
                    for (int k = 0; k < GROUP; k++) totals[j] += ((int32_t)x[i + k] - OFFSET) * b[j * GROUP + k];
            }
            float *y = out + row * out_stride + left;
            for (ptrdiff_t j = 0; j < width; j++)
                finish(y + j, totals[j], row_scales[row], column_scales[left + j], adding);
        }
    }
}

// A product for each suffix of INT8_VARIANTS; on other processors the portable one.
#if defined(__x86_64__)
#include "int8_multiply_x86.h"
#else
#define multiply_avx2 multiply_portable
#define multiply_avx_vnni multiply_portable
#define multiply_avx512_vnni multiply_portable
#endif

#if defined(__ARM_NEON)
INLINE void multiply_neon(float *out, ptrdiff_t out_stride, const uint8_t *a, const float *row_scales,
                          const int8_t *packed, const float *column_scales, const int32_t *sums, ptrdiff_t rows,
                          ptrdiff_t columns, ptrdiff_t inner, int adding, int16_t *work) {
    (void)sums, (void)work;
    ptrdiff_t stride = kindred_int8_stride(inner);
    const uint8x16_t offset = vdupq_n_u8(OFFSET);
    for (ptrdiff_t first = 0; first < columns; first += 4) {
        const int8_t *panel = packed + packed_offset(first, stride);
        ptrdiff_t width = columns - first < 4 ? columns - first : 4;
        for (ptrdiff_t row = 0; row < rows; row++) {
            int32x4_t low = vdupq_n_s32(0), high = low;
            for (ptrdiff_t i = 0; i < stride; i += GROUP) {
                uint32_t four;
                memcpy(&four, a + row * stride + i, sizeof four);
                int8x16_t x = vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_u32(vdupq_n_u32(four)), offset));
                int8x16_t b = vld1q_s8(panel + i * PANEL);
                low = vpadalq_s16(low, vmull_s8(vget_low_s8(x), vget_low_s8(b)));
                high = vpadalq_s16(high, vmull_s8(vget_high_s8(x), vget_high_s8(b)));
            }
            int32_t totals[4];
            vst1q_s32(totals, vpaddq_s32(low, high));
            float *y = out + row * out_stride + first;
            for (ptrdiff_t j = 0; j < width; j++)
                finish(y + j, totals[j], row_scales[row], column_scales[first + j], adding);
        }
    }
}
#else
#define multiply_neon multiply_portable
#endif

#define DEFINE(SUFFIX, TARGET, ...)                                                                                    \
    TARGET void kindred_int8_multiply##SUFFIX(float *out, ptrdiff_t out_stride, const uint8_t *a,                      \
                                              const float *row_scales, const int8_t *packed,                           \
                                              const float *column_scales, const int32_t *sums, ptrdiff_t rows,         \
                                              ptrdiff_t columns, ptrdiff_t inner, int adding, int16_t *work) {         \
        multiply##SUFFIX(out, out_stride, a, row_scales, packed, column_scales, sums, rows, columns, inner, adding,    \
                         work);                                                                                        \
    }

DEFINE(_portable, )
INT8_VARIANTS(DEFINE)

void kindred_int8_multiply(float *out, ptrdiff_t out_stride, const uint8_t *a, const float *row_scales,
                           const int8_t *packed, const float *column_scales, const int32_t *sums, ptrdiff_t rows,
                           ptrdiff_t columns, ptrdiff_t inner, int adding, int16_t *work) {
    DISPATCH(INT8_VARIANTS, kindred_int8_multiply,
             (out, out_stride, a, row_scales, packed, column_scales, sums, rows, columns, inner, adding, work))
}
