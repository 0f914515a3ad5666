// Ctrl-C and SIGTERM as a flag that the program looks at when it can stop.
#ifndef KINDRED_INTERRUPTS_H
#define KINDRED_INTERRUPTS_H

/// From now on the first SIGINT or SIGTERM sets a flag, and the second ends the process as if nothing had been
/// installed. SIGPIPE is ignored, so that writing to a closed pipe is an error and not the end of the process.
void kindred_interrupts_install(void);

/// 1 once a signal has come, else 0.
int kindred_interrupts_requested(void);

/// Forgets a signal that came (the prompt of a REPL has dealt with it).
void kindred_interrupts_clear(void);

#endif
