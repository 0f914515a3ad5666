#include <string.h>

#include "kindred_layers.h"

void kindred_bf16_to_f32(float *out, const uint16_t *in, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, in + i, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(out + i, &bits, sizeof bits);
    }
}

void kindred_f16_to_f32(float *out, const uint16_t *in, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, in + i, sizeof half);
        uint32_t sign = (uint32_t)(half & 0x8000) << 16;
        uint32_t exponent = (half >> 10) & 31, fraction = half & 1023;
        float value;
        uint32_t bits;
        if (exponent == 0) {
            value = (float)fraction * 0x1p-24f;
            memcpy(&bits, &value, sizeof bits);
        } else if (exponent == 31) {
            bits = 0x7F800000u | fraction << 13;
        } else {
            bits = (exponent + 112) << 23 | fraction << 13;
        }
        bits |= sign;
        memcpy(out + i, &bits, sizeof bits);
    }
}
