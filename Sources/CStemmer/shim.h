// The part of Debian's library that Kindred calls.
#include <libstemmer.h>
