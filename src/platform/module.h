/* SPDX-License-Identifier: Apache-2.0
 * platform/module.h - what a module is: a name and tables of rows. The list is src/app/modules.c.
 *
 * Its operations stand in api/<name>.yaml (key `x-module: <name>` at the top) and its migrations in
 * db/migrations. Handlers are found by name at link time: operation `services.health` is
 * Rc services_health(Ctx *cx, Call *call), declared by the generated gen/contract_handlers.h. */
#ifndef PLATFORM_MODULE_H
#define PLATFORM_MODULE_H

#include "platform/ctx.h"

typedef struct RecordHooks RecordHooks;       /* platform/records/records.h */
typedef struct JobType JobType;               /* platform/jobs/jobs.h */
typedef struct JobSchedule JobSchedule;       /* platform/jobs/jobs.h */
typedef struct Subscription Subscription;     /* platform/events/events.h */
typedef struct SealedColumn SealedColumn;     /* platform/secrets/secrets.h */
typedef struct EntityFollower EntityFollower; /* modules/catalog/follow.h */
typedef struct PersonalTable PersonalTable;   /* platform/personal/personal.h */
typedef struct SearchSource SearchSource;     /* modules/search/search.h */

struct Module {
    const char *name;
    const char *title;    /* "Service catalog" */
    const char *requires; /* names of modules it calls, separated by spaces; NULL for none */
    const RecordHooks *hooks;
    size_t n_hooks;
    const JobType *job_types;
    size_t n_job_types;
    const JobSchedule *schedules;
    size_t n_schedules;
    const Subscription *subscriptions;
    size_t n_subscriptions;
    /* Sealed columns that are no x-secret field of a record: their key can be rotated, too. */
    const SealedColumn *sealed;
    size_t n_sealed;
    const EntityFollower *follower; /* told of entities of the catalog; NULL: of none */
    const SearchSource *searched;   /* documents of the search index; NULL: none */
    /* What the module keeps of a person: for exporting and erasing it. */
    const PersonalTable *personal;
    size_t n_personal;
    /* After the platform is built and migrated, before requests are served. May start threads.
     * NULL: nothing. */
    Rc (*start)(Ctx *cx);
    /* Stops what start began; called after the server has stopped taking requests. */
    void (*stop)(Platform *platform);
    /* Is the module ready to serve (/api/ready)? NULL: yes. ret_why names what is missing. */
    bool (*ready)(Platform *platform, Str *ret_why);
};

const Module *platform_module(const Platform *platform, Str name); /* NULL when not enabled */

#endif
