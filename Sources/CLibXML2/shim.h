// The part of Debian's library that Kindred calls.
#include <libxml/xmlversion.h>
// Debian's libxml2 includes ICU's headers where they are installed, and Swift's Foundation has an ICU of its own: a
// program that sees both does not compile. Nothing that is used here depends on it.
#undef LIBXML_ICU_ENABLED
#include <libxml/HTMLparser.h>
#include <libxml/xmlreader.h>

/// `xmlFree` is a variable, which Swift takes for shared mutable state.
static inline void kindred_xml_free(void *text) { xmlFree(text); }
