#include "kindred_features.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static uint32_t detect(void) {
    uint32_t found = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2")) found |= KINDRED_SSE42;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        found |= KINDRED_AVX2;
        // Compilers' run-time libraries name this feature only of late. It needs no registers beyond AVX2's.
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && a & 1u << 4) found |= KINDRED_AVX_VNNI;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        found |= KINDRED_AVX512;
        if (__builtin_cpu_supports("avx512vnni")) found |= KINDRED_AVX512_VNNI;
        if (__builtin_cpu_supports("avx512bf16")) found |= KINDRED_AVX512_BF16;
    }
#elif defined(__aarch64__)
    found |= KINDRED_NEON;
#endif
    return found;
}

uint32_t kindred_features_of_level(const char *level, int *known) {
    *known = 1;
    if (strcmp(level, "portable") == 0) return 0;
    if (strcmp(level, "avx2") == 0) return KINDRED_SSE42 | KINDRED_AVX2;
    if (strcmp(level, "avx-vnni") == 0) return KINDRED_SSE42 | KINDRED_AVX2 | KINDRED_AVX_VNNI;
    *known = 0;
    return 0;
}

uint32_t kindred_features(void) {
    const uint32_t found_out = 1u << 31;
    static _Atomic uint32_t kept;
    uint32_t features = atomic_load_explicit(&kept, memory_order_relaxed);
    if (!features) {
        features = detect();
        const char *level = getenv("KINDRED_CPU");
        int known = 0;
        uint32_t limit = level ? kindred_features_of_level(level, &known) : 0;
        if (known) features &= limit;
        // Threads that come here at the same time find the same.
        atomic_store_explicit(&kept, features |= found_out, memory_order_relaxed);
    }
    return features & ~found_out;
}
