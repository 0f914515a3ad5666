#include "kindred_features.h"

#if defined(__linux__) && defined(__aarch64__)
#include <sys/auxv.h>
#endif

uint32_t kindred_features(void) {
    uint32_t found = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2")) found |= KINDRED_SSE42;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found |= KINDRED_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        found |= KINDRED_AVX512;
        if (__builtin_cpu_supports("avx512vnni")) found |= KINDRED_AVX512_VNNI;
        if (__builtin_cpu_supports("avx512bf16")) found |= KINDRED_AVX512_BF16;
    }
#elif defined(__aarch64__)
    found |= KINDRED_NEON;
#if defined(__linux__)
    if (getauxval(AT_HWCAP) & (1UL << 20)) found |= KINDRED_NEON_DOTPROD;
#elif defined(__ARM_FEATURE_DOTPROD)
    found |= KINDRED_NEON_DOTPROD;
#endif
#endif
    return found;
}
