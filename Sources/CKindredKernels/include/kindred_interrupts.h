// SIGINT and SIGTERM: the end of the process, or a flag that the program looks at when it can stop.
#ifndef KINDRED_INTERRUPTS_H
#define KINDRED_INTERRUPTS_H

/// From now on SIGINT and SIGTERM end the process with exit code 130, after the file of
/// `kindred_interrupts_remove_on_exit` is removed. SIGPIPE is ignored, so that writing to a closed pipe is an error and
/// not the end of the process.
void kindred_interrupts_install(void);

/// With `hold` the first signal from now on only sets a flag, and the second ends the process; without, the first does.
/// What was before.
int kindred_interrupts_hold(int hold);

/// The number of the signal that has come, or 0.
int kindred_interrupts_requested(void);

/// Forgets a signal that came (the prompt of a REPL has dealt with it).
void kindred_interrupts_clear(void);

/// Names the file that a signal removes when it ends the process, nil for none. Longer names than the system's limit
/// are not kept.
void kindred_interrupts_remove_on_exit(const char *path);

/// Ends the process as a signal does: with the file removed, and nothing else run. To be called anywhere.
_Noreturn void kindred_exit_at_once(int code);

#endif
