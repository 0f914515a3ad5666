// The part of Debian's library that Kindred calls.
#include <zstd.h>
#include <zstd_errors.h>
