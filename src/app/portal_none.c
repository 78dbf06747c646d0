/* SPDX-License-Identifier: Apache-2.0
 * In builds with FAIRWAY_PAGE=OFF: no page. */
#include "app/portal.h"

const PortalFile portal_files[] = {{.path = ""}};
const size_t portal_n_files = 0;
const PortalPage portal_pages[] = {{.path = ""}};
const size_t portal_n_pages = 0;
