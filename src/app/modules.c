/* SPDX-License-Identifier: Apache-2.0
 * The product's modules, in the order they start. To add one: its folder, its row here, its line in
 * src/modules.txt. */
#include "app/app.h"
#include "modules/access/access.h"
#include "modules/audit/audit.h"
#include "modules/catalog/catalog.h"
#include "modules/identity/identity.h"
#include "modules/organizations/organizations.h"
#include "modules/people/people.h"
#include "modules/search/search.h"
#include "modules/services/services.h"
#include "modules/webhooks/webhooks.h"

const Module *const app_modules[] = {
    &organizations_module, &access_module,   &identity_module, &catalog_module,
    &people_module,        &services_module, &webhooks_module, &audit_module,
    &search_module,
};
const size_t app_n_modules = ARRAY_LEN(app_modules);

static size_t module_index(Str name)
{
    for (size_t i = 0; i < app_n_modules; i++) {
        if (str_is(name, app_modules[i]->name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static Rc refuse(Str name, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str known[ARRAY_LEN(app_modules)];
    for (size_t i = 0; i < app_n_modules; i++) {
        known[i] = str_from(app_modules[i]->name);
    }
    return error_set(err, RC_INVALID, "there is no module '%.*s'; there are %.*s", STR_ARG(name),
                     STR_ARG(str_join(arena, known, app_n_modules, STR(", "))));
}

/* Marks a module and all that it requires. */
static Rc enable(Str name, bool *enabled, Error *err)
{
    size_t i = module_index(name);
    if (i == SIZE_MAX) {
        return refuse(name, err);
    }
    if (enabled[i]) {
        return RC_OK;
    }
    enabled[i] = true;
    Str rest = str_from(app_modules[i]->requires), part;
    while (rest.len && str_split(&rest, ' ', &part)) {
        if (part.len) {
            TRY(enable(part, enabled, err));
        }
    }
    return RC_OK;
}

Rc app_enabled_modules(Str services, const Module **ret, size_t *ret_n, Error *err)
{
    bool enabled[ARRAY_LEN(app_modules)] = {false};
    Str part;
    if (services.len == 0) {
        for (size_t i = 0; i < app_n_modules; i++) {
            enabled[i] = true;
        }
    }
    while (services.len && str_split(&services, ',', &part)) {
        part = str_trim(part);
        if (part.len) {
            TRY(enable(part, enabled, err));
        }
    }
    *ret_n = 0;
    for (size_t i = 0; i < app_n_modules; i++) {
        if (enabled[i]) {
            ret[(*ret_n)++] = app_modules[i];
        }
    }
    return RC_OK;
}
