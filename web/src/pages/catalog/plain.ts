// SPDX-License-Identifier: Apache-2.0
// An entity as somebody would write it: without what the catalog adds.

export interface Entity {
  [member: string]: unknown;
}

const ADDED = /^backstage\.io\/(managed-by-(origin-)?location|view-url|edit-url|orphan)$/;

export function plain(entity: Entity): Entity {
  const { relations: _relations, status: _status, ...rest } = entity;
  const metadata = { ...(rest["metadata"] as Entity | undefined) };
  delete metadata["uid"];
  delete metadata["etag"];
  if (metadata["namespace"] === "default") delete metadata["namespace"];
  const annotations = Object.fromEntries(Object.entries((metadata["annotations"] as Entity | undefined) ?? {}).filter(([name]) => !ADDED.test(name)));
  if (Object.keys(annotations).length > 0) metadata["annotations"] = annotations;
  else delete metadata["annotations"];
  return { ...rest, metadata };
}
