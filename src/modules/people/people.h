/* SPDX-License-Identifier: Apache-2.0
 * modules/people/people.h - users and teams are the User and Group entities of the catalog: what
 * one says, the other says. Exporting and erasing a person. See README.md. */
#ifndef MODULES_PEOPLE_PEOPLE_H
#define MODULES_PEOPLE_PEOPLE_H

#include "platform/module.h"

extern const Module people_module;

#endif
