// The integer products of products.h with NEON. Included there alone.
#ifndef KINDRED_PRODUCTS_NEON_H
#define KINDRED_PRODUCTS_NEON_H

INLINE void nibble_products_neon(int32_t *out, const uint8_t *plane, ptrdiff_t stride, ptrdiff_t blocks,
                                 const int8_t *query, const uint32_t *rows, ptrdiff_t count) {
    const uint8x16_t low_half = vdupq_n_u8(15);
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = plane + (ptrdiff_t)rows[i] * stride;
        int32x4_t sum = vdupq_n_s32(0);
        for (ptrdiff_t block = 0; block < blocks; block++) {
            for (int part = 0; part < BLOCK; part += 16) {
                const int8_t *q = query + block * 2 * BLOCK + part;
                uint8x16_t codes = vld1q_u8(row + block * BLOCK + part);
                int8x16_t low = vreinterpretq_s8_u8(vandq_u8(codes, low_half));
                int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(codes, 4));
                int8x16_t a = vld1q_s8(q), b = vld1q_s8(q + BLOCK);
                int16x8_t products = vmull_s8(vget_low_s8(low), vget_low_s8(a));
                products = vmlal_s8(products, vget_high_s8(low), vget_high_s8(a));
                products = vmlal_s8(products, vget_low_s8(high), vget_low_s8(b));
                products = vmlal_s8(products, vget_high_s8(high), vget_high_s8(b));
                sum = vpadalq_s16(sum, products);
            }
        }
        out[i] = vaddvq_s32(sum);
    }
}

INLINE void row_products_neon(int32_t *out, const uint8_t *a, ptrdiff_t width, const uint8_t *b, const uint32_t *rows,
                              ptrdiff_t count) {
    const int8x16_t centre = vdupq_n_s8(CENTRE);
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint8_t *row = b + (ptrdiff_t)rows[i] * width;
        int32x4_t sum = vdupq_n_s32(0);
        for (ptrdiff_t k = 0; k < width; k += 16) {
            int8x16_t x = vreinterpretq_s8_u8(vld1q_u8(a + k));
            int8x16_t y = vsubq_s8(vreinterpretq_s8_u8(vld1q_u8(row + k)), centre);
            int16x8_t products = vmull_s8(vget_low_s8(x), vget_low_s8(y));
            sum = vpadalq_s16(sum, vmlal_s8(products, vget_high_s8(x), vget_high_s8(y)));
        }
        out[i] = vaddvq_s32(sum);
    }
}

INLINE void gram_products_neon(int32_t *out, const uint8_t *a, ptrdiff_t count, ptrdiff_t width, const int8_t *b,
                               ptrdiff_t padded) {
    for (ptrdiff_t i = 0; i < count; i++) {
        for (ptrdiff_t j = 0; j < padded; j += 4) {
            int32x4_t sum = vdupq_n_s32(0);
            for (ptrdiff_t k = 0; k < width; k += 4) {
                uint32_t four;
                memcpy(&four, a + i * width + k, 4);
                int8x16_t x = vreinterpretq_s8_u32(vdupq_n_u32(four)), y = vld1q_s8(b + k * padded + 4 * j);
                int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(y));
                int16x8_t high = vmull_s8(vget_high_s8(x), vget_high_s8(y));
                sum = vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
            }
            vst1q_s32(out + i * padded + j, sum);
        }
    }
}

#endif
