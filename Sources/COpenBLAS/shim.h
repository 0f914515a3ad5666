// The part of Debian's library that Kindred calls.
#include <cblas.h>

// LAPACK's eigenvectors of a symmetric matrix, which OpenBLAS holds but its C header does not declare.
extern void ssyevd_(const char *job, const char *triangle, const blasint *n, float *a, const blasint *stride,
                    float *values, float *work, const blasint *work_size, blasint *integer_work,
                    const blasint *integer_work_size, blasint *info);
