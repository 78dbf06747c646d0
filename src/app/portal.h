/* SPDX-License-Identifier: Apache-2.0
 * app/portal.h - the portal: its files and the table of its pages, embedded at build by
 * web/build.mjs. */
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

typedef struct PortalPage {
    const char *path; /* "/catalog/$namespace/$kind/$name": $x is one segment */
    /* Ended by NULL, or NULL: addresses of the API with the same variables, whose answers the page
     * is sent with. Asked only when the page's address has no query, unless it ends in '*', which
     * is taken off. */
    const char *const *preload;
    const char *view;  /* what is in the page before its scripts run: "catalog", "entity" or "" */
    const char *title; /* NULL: Fairway's alone */
} PortalPage;

extern const PortalPage portal_pages[];
extern const size_t portal_n_pages;

#endif
