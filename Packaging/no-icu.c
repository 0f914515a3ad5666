// libxml2 can convert encodings by iconv and by ICU. It asks ICU only for names that iconv does not know, and glibc's iconv
// knows more of them. These definitions keep ICU and its 30 MB of data out of the executable: no converter can be opened.
//
// Compile with -DICU=72, the version in the names of ICU's functions in libxml2.a.
#define JOIN(name, version) name##_##version
#define VERSIONED(name, version) JOIN(name, version)
#define NAMED(name) VERSIONED(name, ICU)

enum { fileAccessError = 4 };

void *NAMED(ucnv_open)(const char *name, int *error) {
    (void)name;
    *error = fileAccessError;
    return 0;
}

void NAMED(ucnv_close)(void *converter) { (void)converter; }

// Only called with a converter that is open.
void NAMED(ucnv_convertEx)(void) { __builtin_trap(); }
void NAMED(ucnv_setFromUCallBack)(void) { __builtin_trap(); }
void NAMED(ucnv_setToUCallBack)(void) { __builtin_trap(); }
void NAMED(UCNV_FROM_U_CALLBACK_STOP)(void) { __builtin_trap(); }
void NAMED(UCNV_TO_U_CALLBACK_STOP)(void) { __builtin_trap(); }
