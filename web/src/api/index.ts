// SPDX-License-Identifier: Apache-2.0
export { call, setCsrf, urlOf } from "./client";
export type { Answer, Answered, Init } from "./client";
export { Problem, asProblem } from "./problem";
export type { FieldProblem } from "./problem";
export { again, queryClient, useChange, useGet } from "./query";
export type { GetOptions } from "./query";
import type { components } from "../schema";
export type Schemas = components["schemas"];
