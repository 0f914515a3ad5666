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

/// Tab calls `complete`; the start of a bracketed paste (xterm's ESC [ 200 ~) calls `paste`.
static inline void kindred_edit_bind(
    EditLine *line, unsigned char (*complete)(EditLine *, int), unsigned char (*paste)(EditLine *, int)) {
    el_set(line, EL_ADDFN, "kindred-complete", "Complete the word", complete);
    el_set(line, EL_BIND, "^I", "kindred-complete", NULL);
    el_set(line, EL_ADDFN, "kindred-paste", "Insert what is pasted", paste);
    el_set(line, EL_BIND, "\\e[200~", "kindred-paste", NULL);
}

static inline unsigned char kindred_edit_refresh(void) { return CC_REFRESH; }
static inline unsigned char kindred_edit_redisplay(void) { return CC_REDISPLAY; }
static inline unsigned char kindred_edit_error(void) { return CC_ERROR; }

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
