// What the bodies of the element-wise kernels share. Not part of the module's interface.
#ifndef KINDRED_LANES_H
#define KINDRED_LANES_H

#include <math.h>
#include <stdint.h>

#include "dispatch.h"

// The bodies are plain loops that the compiler vectorises for the target of the function they are inlined into.
// Sums run in LANES independent lanes, because a compiler may not reorder the additions of one.
enum { LANES = 16 };

// Before a loop whose elements do not touch each other's. `restrict` does not survive inlining, and without it the
// check at run time takes rows that lie between each other's, as gate and up do, for overlapping: then the loop runs
// unvectorised.
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")

// e^x by the split x = n ln 2 + r, |r| <= ln 2 / 2, and a polynomial of degree 6 (coefficients of Cephes' expf,
// S. Moshier); relative error below 2e-7. Below -87 the result is 0, above 88 it is clamped.
INLINE float exponential(float x) {
    float clamped = x > 88.0f ? 88.0f : x < -87.3f ? -87.3f : x;
    float n = __builtin_floorf(clamped * 1.44269504088896341f + 0.5f);
    float r = clamped - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union {
        int32_t bits;
        float value;
    } power = {((int32_t)n + 127) << 23};
    return x < -87.3f ? 0.0f : p * power.value;
}

INLINE float sum_lanes(const float *lanes) {
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += lanes[lane];
    return sum;
}

#endif
