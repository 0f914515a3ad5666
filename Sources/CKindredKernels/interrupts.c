#include "kindred_interrupts.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

static volatile sig_atomic_t requested;

// Only what POSIX calls async-signal-safe: an assignment, signal and raise.
static void take(int number) {
    if (requested) {
        signal(number, SIG_DFL);
        raise(number);
    }
    requested = 1;
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

int kindred_interrupts_requested(void) { return requested; }

void kindred_interrupts_clear(void) { requested = 0; }
