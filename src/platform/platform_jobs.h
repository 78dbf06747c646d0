/* SPDX-License-Identifier: Apache-2.0
 * platform/platform_jobs.h - the background work of the platform itself, run beside the modules'.
 */
#ifndef PLATFORM_PLATFORM_JOBS_H
#define PLATFORM_PLATFORM_JOBS_H

#include "platform/jobs/jobs.h"

Rc events_prune_run(Ctx *cx, Job *job); /* setting events.retention */
Rc jobs_prune_run(Ctx *cx, Job *job);   /* settings jobs.retention, JobType.keep_us */
Rc mail_send_run(Ctx *cx, Job *job);    /* platform/mail: what mail_queue has sealed */

#endif
