/* SPDX-License-Identifier: Apache-2.0
 * base/banned.h - included before every file by the build: functions that have no safe use here. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strncpy
#undef strncat
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat strtok sprintf vsprintf gets atoi atol atof       \
    gmtime localtime ctime asctime tmpnam mktemp

#endif
