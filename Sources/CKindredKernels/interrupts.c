#include "kindred_interrupts.h"

#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { STOPPED = 130 };

static volatile sig_atomic_t requested;
static volatile sig_atomic_t held;
// Two, so that a signal finds a whole name while the other is written.
static char names[2][PATH_MAX];
static _Atomic(const char *) temporary;

void kindred_exit_at_once(int code) {
    const char *path = atomic_load(&temporary);
    if (path != NULL) unlink(path);
    _exit(code);
}

// Only what POSIX calls async-signal-safe: assignments, unlink and _exit.
static void take(int number) {
    if (held && !requested) {
        requested = number;
        return;
    }
    kindred_exit_at_once(STOPPED);
}

void kindred_interrupts_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = take;
    sigemptyset(&action.sa_mask);
    // Without SA_RESTART a read at a prompt ends at Ctrl-C.
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int kindred_interrupts_hold(int hold) {
    int before = held;
    held = hold;
    return before;
}

int kindred_interrupts_requested(void) { return requested; }

void kindred_interrupts_clear(void) { requested = 0; }

void kindred_interrupts_remove_on_exit(const char *path) {
    static atomic_uint turn;
    if (path == NULL || strlen(path) >= PATH_MAX) {
        atomic_store(&temporary, NULL);
        return;
    }
    char *name = names[atomic_fetch_add(&turn, 1) % 2];
    strcpy(name, path);
    atomic_store(&temporary, name);
}
