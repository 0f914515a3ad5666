// What this processor can do, asked once.
#ifndef KINDRED_FEATURES_H
#define KINDRED_FEATURES_H

#include <stdint.h>

/// Bits of `kindred_features()`. A bit is set only where the operating system saves the registers too.
enum {
    KINDRED_SSE42 = 1 << 0,
    KINDRED_AVX2 = 1 << 1,         ///< with FMA and F16C
    KINDRED_AVX512 = 1 << 2,       ///< F, BW, DQ and VL
    KINDRED_AVX512_VNNI = 1 << 3,
    KINDRED_AVX512_BF16 = 1 << 4,
    KINDRED_NEON = 1 << 5,
    KINDRED_NEON_DOTPROD = 1 << 6,
};

/// The features of the processor that runs this.
uint32_t kindred_features(void);

#endif
