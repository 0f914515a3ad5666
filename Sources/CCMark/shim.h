// The part of Debian's library that Kindred calls: CommonMark with GitHub's tables.
#include <cmark-gfm.h>
#include <cmark-gfm-core-extensions.h>
