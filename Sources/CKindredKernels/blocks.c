#include "kindred_blocks.h"

#include <string.h>

#include "kindred_layers.h"

static float half_at(const uint8_t *in) {
    uint16_t bits;
    float value;
    memcpy(&bits, in, sizeof bits);
    kindred_f16_to_f32(&value, &bits, 1);
    return value;
}

static uint32_t word_at(const uint8_t *in) {
    uint32_t bits;
    memcpy(&bits, in, sizeof bits);
    return bits;
}

// 32 numbers of four bits: the low halves of 16 bytes, then the high ones.
static void four_bits(float *out, const uint8_t *in, uint32_t fifth, float scale, float start, int offset) {
    for (int i = 0; i < 16; i++) {
        int low = (in[i] & 15) | (int)(fifth >> i & 1) << 4;
        int high = in[i] >> 4 | (int)(fifth >> (i + 16) & 1) << 4;
        out[i] = scale * (float)(low - offset) + start;
        out[i + 16] = scale * (float)(high - offset) + start;
    }
}

static void q4_0(float *out, const uint8_t *in) { four_bits(out, in + 2, 0, half_at(in), 0, 8); }
static void q4_1(float *out, const uint8_t *in) { four_bits(out, in + 4, 0, half_at(in), half_at(in + 2), 0); }
static void q5_0(float *out, const uint8_t *in) { four_bits(out, in + 6, word_at(in + 2), half_at(in), 0, 16); }
static void q5_1(float *out, const uint8_t *in) {
    four_bits(out, in + 8, word_at(in + 4), half_at(in), half_at(in + 2), 0);
}

static void q8_0(float *out, const uint8_t *in) {
    float scale = half_at(in);
    for (int i = 0; i < 32; i++) out[i] = scale * (float)(int8_t)in[2 + i];
}

// 16 scales and minima of four bits, 64 bytes of four numbers, d, minimum's d.
static void q2_k(float *out, const uint8_t *in) {
    const uint8_t *numbers = in + 16;
    float scale = half_at(in + 80), minimum = half_at(in + 82);
    for (int part = 0; part < 16; part++) {
        const uint8_t *bytes = numbers + part / 8 * 32 + part % 2 * 16;
        int shift = part % 8 / 2 * 2;
        float d = scale * (float)(in[part] & 15), m = minimum * (float)(in[part] >> 4);
        for (int i = 0; i < 16; i++) out[part * 16 + i] = d * (float)(bytes[i] >> shift & 3) - m;
    }
}

// 32 bytes of third bits, 64 bytes of four numbers, 16 scales of six bits in 12 bytes, d.
static void q3_k(float *out, const uint8_t *in) {
    const uint8_t *third = in, *numbers = in + 32, *packed = in + 96;
    float scale = half_at(in + 108);
    for (int part = 0; part < 16; part++) {
        int low = part < 8 ? packed[part] & 15 : packed[part - 8] >> 4;
        int high = packed[8 + part % 4] >> part / 4 * 2 & 3;
        float d = scale * (float)((low | high << 4) - 32);
        const uint8_t *bytes = numbers + part / 8 * 32 + part % 2 * 16;
        int shift = part % 8 / 2 * 2;
        for (int i = 0; i < 16; i++) {
            int bit = third[part % 2 * 16 + i] >> part / 2 & 1;
            out[part * 16 + i] = d * (float)((bytes[i] >> shift & 3) - (bit ? 0 : 4));
        }
    }
}

// Scale and minimum of six bits of each of eight parts, in 12 bytes.
static void six_bits(const uint8_t *packed, int part, int *scale, int *minimum) {
    if (part < 4) {
        *scale = packed[part] & 63;
        *minimum = packed[part + 4] & 63;
    } else {
        *scale = (packed[part + 4] & 15) | packed[part - 4] >> 6 << 4;
        *minimum = packed[part + 4] >> 4 | packed[part] >> 6 << 4;
    }
}

// d, minimum's d, scales and minima, with five bits 32 bytes of fifth bits, 128 bytes of two numbers.
static void four_or_five_bits_k(float *out, const uint8_t *in, int fifth) {
    const uint8_t *numbers = in + (fifth ? 48 : 16);
    float scale = half_at(in), minimum = half_at(in + 2);
    for (int part = 0; part < 8; part++) {
        int s, m;
        six_bits(in + 4, part, &s, &m);
        float d = scale * (float)s, start = minimum * (float)m;
        const uint8_t *bytes = numbers + part / 2 * 32;
        for (int i = 0; i < 32; i++) {
            int number = part % 2 ? bytes[i] >> 4 : bytes[i] & 15;
            if (fifth) number |= (in[16 + i] >> part & 1) << 4;
            out[part * 32 + i] = d * (float)number - start;
        }
    }
}

static void q4_k(float *out, const uint8_t *in) { four_or_five_bits_k(out, in, 0); }
static void q5_k(float *out, const uint8_t *in) { four_or_five_bits_k(out, in, 1); }

// 128 bytes of low halves, 64 of upper two bits, 16 scales of eight bits, d.
static void q6_k(float *out, const uint8_t *in) {
    float scale = half_at(in + 208);
    for (int half = 0; half < 2; half++) {
        const uint8_t *low = in + half * 64, *high = in + 128 + half * 32;
        const uint8_t *scales = in + 192 + half * 8;
        for (int quarter = 0; quarter < 4; quarter++)
            for (int i = 0; i < 32; i++) {
                uint8_t byte = low[quarter % 2 * 32 + i];
                int number = (quarter < 2 ? byte & 15 : byte >> 4) | (high[i] >> quarter * 2 & 3) << 4;
                float d = scale * (float)(int8_t)scales[quarter * 2 + i / 16];
                out[half * 128 + quarter * 32 + i] = d * (float)(number - 32);
            }
    }
}

static const struct {
    ptrdiff_t numbers, bytes;
    void (*convert)(float *, const uint8_t *);
} kinds[] = {
    [KINDRED_Q4_0] = {32, 18, q4_0},   [KINDRED_Q4_1] = {32, 20, q4_1},   [KINDRED_Q5_0] = {32, 22, q5_0},
    [KINDRED_Q5_1] = {32, 24, q5_1},   [KINDRED_Q8_0] = {32, 34, q8_0},   [KINDRED_Q2_K] = {256, 84, q2_k},
    [KINDRED_Q3_K] = {256, 110, q3_k}, [KINDRED_Q4_K] = {256, 144, q4_k}, [KINDRED_Q5_K] = {256, 176, q5_k},
    [KINDRED_Q6_K] = {256, 210, q6_k},
};

ptrdiff_t kindred_block_numbers(enum kindred_block_kind kind) { return kinds[kind].numbers; }

ptrdiff_t kindred_block_bytes(enum kindred_block_kind kind) { return kinds[kind].bytes; }

void kindred_blocks_to_f32(float *out, const uint8_t *in, ptrdiff_t blocks, enum kindred_block_kind kind) {
    for (ptrdiff_t block = 0; block < blocks; block++)
        kinds[kind].convert(out + block * kinds[kind].numbers, in + block * kinds[kind].bytes);
}
