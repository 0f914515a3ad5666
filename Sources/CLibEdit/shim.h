// The part of Debian's library that Kindred calls. libedit sets things by variadic functions, which Swift cannot call.
#include <histedit.h>
#include <stdio.h>

static inline EditLine *kindred_edit_start(const char *program, History *list, const char *(*prompt)(EditLine *)) {
    EditLine *line = el_init(program, stdin, stdout, stderr);
    if (!line) return NULL;
    el_set(line, EL_PROMPT, prompt);
    el_set(line, EL_EDITOR, "emacs");
    el_set(line, EL_SIGNAL, 0);
    el_set(line, EL_HIST, history, list);
    return line;
}

static inline History *kindred_history_start(int size) {
    History *list = history_init();
    HistEvent event;
    if (list) {
        history(list, &event, H_SETSIZE, size);
        history(list, &event, H_SETUNIQUE, 1);
    }
    return list;
}

static inline int kindred_history_load(History *list, const char *path) {
    HistEvent event;
    return history(list, &event, H_LOAD, path);
}

static inline int kindred_history_save(History *list, const char *path) {
    HistEvent event;
    return history(list, &event, H_SAVE, path);
}

static inline void kindred_history_add(History *list, const char *line) {
    HistEvent event;
    history(list, &event, H_ENTER, line);
}

/// Gives up the line that is being typed and puts the terminal back as it was.
static inline void kindred_edit_reset(EditLine *line) { el_reset(line); }
