/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

bool portal_serve(void *user, HttpRequest *r)
{
    (void)user;
    (void)r;
    return false;
}
