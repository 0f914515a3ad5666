// The instruction sets that the processor has and the kernels use.
//
// Each kernel is a function without a suffix, which runs the best variant that this processor has, and its variants
// with suffixes, for tests and measurements. A variant may be called only where `kindred_features()` has its bit:
//
//   _portable                          always
//   _sse42                             KINDRED_SSE42
//   _avx2, _avx_vnni                   KINDRED_AVX2, KINDRED_AVX_VNNI
//   _avx512, _avx512_vnni, _avx512_bf16  KINDRED_AVX512, KINDRED_AVX512_VNNI, KINDRED_AVX512_BF16
//   _neon                              KINDRED_NEON
//
// Compiled for another architecture, a variant is the portable one under another name and may be called anywhere.
#ifndef KINDRED_FEATURES_H
#define KINDRED_FEATURES_H

#include <stdint.h>

/// Bits of `kindred_features()`. A bit is set only where the operating system saves the registers too.
enum {
    KINDRED_SSE42 = 1 << 0,
    KINDRED_AVX2 = 1 << 1,    ///< with FMA
    KINDRED_AVX512 = 1 << 2,  ///< F, BW, DQ and VL
    KINDRED_AVX512_VNNI = 1 << 3,
    KINDRED_AVX512_BF16 = 1 << 4,
    KINDRED_NEON = 1 << 5,      ///< on every 64-bit Arm processor
    KINDRED_AVX_VNNI = 1 << 6,  ///< in 256 bits, also where there is no AVX-512
};

/// The features that Kindred uses: those of this processor, limited to the level that the environment variable
/// KINDRED_CPU names (`kindred_features_of_level`; another value is ignored), so that one machine tests and measures
/// the kernels of others.
///
/// The first call asks the processor and reads the variable; the answer is kept for the life of the process. Threads
/// may call it at the same time.
uint32_t kindred_features(void);

/// All features up to a level: "portable", "avx2" (with SSE 4.2) or "avx-vnni"; *known = 1. For another name 0, and
/// *known = 0.
uint32_t kindred_features_of_level(const char *level, int *known);

#endif
