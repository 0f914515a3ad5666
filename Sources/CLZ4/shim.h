// The part of Debian's library that Kindred calls.
#include <lz4.h>
#include <lz4hc.h>
