// What this processor can do, found out once.
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
    KINDRED_AVX_VNNI = 1 << 7,     ///< in 256 bits, also where there is no AVX-512
};

/// The features that Kindred uses: those of the processor that runs this, up to the level that the environment variable
/// KINDRED_CPU names when this is first called. So one machine tests and measures the kernels of others.
uint32_t kindred_features(void);

/// All features up to a level: "portable", "avx2" or "avx-vnni"; 0 and *known = 0 for other names.
uint32_t kindred_features_of_level(const char *level, int *known);

#endif
