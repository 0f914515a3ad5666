// How kernels are compiled for several instruction sets and chosen from at run time. Not part of the module's
// interface.
//
// A kernel has a body, written once as an inline function of plain loops or of the intrinsics of an instruction set. A
// file defines DEFINE(SUFFIX, TARGET, ...), the kernels of one instruction set, and applies it to the portable variant
// and to a list of variants below; the function without a suffix is a DISPATCH over the same list:
//
//     #define DEFINE(SUFFIX, TARGET, ...) TARGET void kindred_cap##SUFFIX(float *x) { cap_body(x); }
//     DEFINE(_portable, )
//     FLOAT_VARIANTS(DEFINE)
//     void kindred_cap(float *x) { DISPATCH(FLOAT_VARIANTS, kindred_cap, (x)) }
//
// Every variant is defined on every processor, so that tests name them all: elsewhere its body is the portable one.
#ifndef KINDRED_DISPATCH_H
#define KINDRED_DISPATCH_H

#include "kindred_features.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

// A body is inlined into each variant and so compiled for that variant's instruction set.
#define INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
#define AVX512 "avx512f,avx512bw,avx512dq,avx512vl,fma"
#define TARGET_SSE42 __attribute__((target("sse4.2")))
#define TARGET_AVX2 __attribute__((target("avx2,fma")))
#define TARGET_AVX_VNNI __attribute__((target("avx2,fma,avxvnni")))
#define TARGET_AVX512 __attribute__((target(AVX512)))
#define TARGET_AVX512_VNNI __attribute__((target(AVX512 ",avx512vnni")))
#define TARGET_AVX512_BF16 __attribute__((target(AVX512 ",avx512bf16")))
#else
#define TARGET_SSE42
#define TARGET_AVX2
#define TARGET_AVX_VNNI
#define TARGET_AVX512
#define TARGET_AVX512_VNNI
#define TARGET_AVX512_BF16
#endif
// Every 64-bit Arm processor has NEON.
#define TARGET_NEON

// The variants of a group of kernels besides the portable one, the first choice first:
// EACH(SUFFIX, TARGET, the feature that it needs, ...).
#define FLOAT_VARIANTS(EACH, ...)                                                                                      \
    EACH(_avx512, TARGET_AVX512, KINDRED_AVX512, __VA_ARGS__)                                                          \
    EACH(_avx2, TARGET_AVX2, KINDRED_AVX2, __VA_ARGS__)

#define BF16_VARIANTS(EACH, ...)                                                                                       \
    EACH(_avx512_bf16, TARGET_AVX512_BF16, KINDRED_AVX512_BF16, __VA_ARGS__)                                           \
    EACH(_avx2, TARGET_AVX2, KINDRED_AVX2, __VA_ARGS__)

#define CODE_VARIANTS(EACH, ...)                                                                                       \
    EACH(_avx512_vnni, TARGET_AVX512_VNNI, KINDRED_AVX512_VNNI, __VA_ARGS__)                                           \
    EACH(_avx2, TARGET_AVX2, KINDRED_AVX2, __VA_ARGS__)                                                                \
    EACH(_neon, TARGET_NEON, KINDRED_NEON, __VA_ARGS__)

#define INT8_VARIANTS(EACH, ...)                                                                                       \
    EACH(_avx512_vnni, TARGET_AVX512_VNNI, KINDRED_AVX512_VNNI, __VA_ARGS__)                                           \
    EACH(_avx_vnni, TARGET_AVX_VNNI, KINDRED_AVX_VNNI, __VA_ARGS__)                                                    \
    EACH(_avx2, TARGET_AVX2, KINDRED_AVX2, __VA_ARGS__)                                                                \
    EACH(_neon, TARGET_NEON, KINDRED_NEON, __VA_ARGS__)

#define CRC32C_VARIANTS(EACH, ...) EACH(_sse42, TARGET_SSE42, KINDRED_SSE42, __VA_ARGS__)

// The body of the function NAME without a suffix: calls the first variant that the processor has.
#define DISPATCH(VARIANTS, NAME, ARGUMENTS)                                                                            \
    const uint32_t features = kindred_features();                                                                      \
    VARIANTS(DISPATCH_TO, NAME, ARGUMENTS)                                                                             \
    return NAME##_portable ARGUMENTS;
#define DISPATCH_TO(SUFFIX, TARGET, FEATURE, NAME, ARGUMENTS)                                                          \
    if (features & FEATURE) return NAME##SUFFIX ARGUMENTS;

#endif
