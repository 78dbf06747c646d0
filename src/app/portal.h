/* SPDX-License-Identifier: Apache-2.0
 * app/portal.h - the page at /: its files, embedded at build by web/build.mjs. */
#ifndef APP_PORTAL_H
#define APP_PORTAL_H

#include <stddef.h>

typedef struct PortalFile {
    const char *path; /* "/" or "/assets/main-KLI6UGYN.js" */
    const char *type; /* Content-Type */
    const char *etag; /* quoted */
    const char *bytes, *gzip;
    size_t len, gzip_len; /* gzip_len 0: not worth it */
} PortalFile;

extern const PortalFile portal_files[];
extern const size_t portal_n_files; /* 0 in builds without the page */

#endif
