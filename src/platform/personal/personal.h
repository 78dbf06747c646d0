/* SPDX-License-Identifier: Apache-2.0
 * platform/personal/personal.h - what a module keeps of a person, as data: exporting and erasing
 * somebody (modules/people) read these rows, so a new table that names people is a row here and
 * nothing else. */
#ifndef PLATFORM_PERSONAL_H
#define PLATFORM_PERSONAL_H

#include "platform/module.h"

struct PersonalTable {
    const char *name;  /* member of the export: "sessions" */
    const char *table; /* "user_sessions" */
    const char *owner; /* column with the user's id */
    const char *where; /* a further condition, such as "subject_kind = 'user'"; NULL: none */
    /* What is shown: columns, separated by commas; names that end in _at or _until hold
     * microseconds. No secrets and no hashes of any. NULL: nothing is shown. */
    const char *columns;
    bool is_kept; /* erasing leaves the rows: they say no more than the id */
};

#endif
