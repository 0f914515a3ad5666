// The part of Debian's library that Kindred calls.
#include <libxml/xmlreader.h>

/// `xmlFree` is a variable, which Swift takes for shared mutable state.
static inline void kindred_xml_free(void *text) { xmlFree(text); }
