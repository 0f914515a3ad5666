// The end of the command where memory is out: one line and exit code 69.
//
// Swift's runtime traps where an allocation fails, and OpenBLAS asks again for ever. So the command's own malloc and its
// kin, which glibc lets a program replace (glibc manual, "Replacing malloc"), are glibc's with a check of the result.
// Only the command links this: in another program, what happens there is that program's choice.
#ifndef KINDRED_OUT_OF_MEMORY_H
#define KINDRED_OUT_OF_MEMORY_H

/// 1 where allocations are checked: with glibc, and without a sanitizer, which replaces malloc itself. Calling it makes the
/// linker take the replacements.
int kindred_allocations_are_checked(void);

#endif
