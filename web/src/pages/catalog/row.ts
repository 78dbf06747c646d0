// SPDX-License-Identifier: Apache-2.0
// An entity as a row of the list: the few parts that are asked for, read with care, since people write them.

export interface Row {
  ref: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
  title: string;
  description: string;
  tags: string[];
  type: string;
  lifecycle: string;
  /** Full references, in lower case. */
  owner: string;
  system: string;
  email: string;
  groups: string[];
}

export const FIELDS = [
  "kind", "metadata.name", "metadata.namespace", "metadata.uid", "metadata.title", "metadata.description", "metadata.tags",
  "spec.type", "spec.lifecycle", "spec.owner", "spec.system", "spec.domain", "spec.parent", "spec.memberOf", "spec.profile.displayName", "spec.profile.email",
];

type Tree = Record<string, unknown>;

function tree(value: unknown): Tree {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Tree) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(text).filter((one) => one !== "") : [];
}

/** A reference in full: "team-a" is "group:default/team-a" for an owner in the namespace default. */
export function fullRef(short: string, kind: string, namespace: string): string {
  if (short === "") return "";
  const colon = short.indexOf(":");
  const rest = colon < 0 ? short : short.slice(colon + 1);
  const slash = rest.indexOf("/");
  return `${colon < 0 ? kind : short.slice(0, colon)}:${slash < 0 ? namespace : rest.slice(0, slash)}/${rest.slice(slash + 1)}`.toLowerCase();
}

/** What people call a reference: its name, with the namespace unless it is the default one. */
export function shortRef(ref: string): string {
  const rest = ref.slice(ref.indexOf(":") + 1);
  return rest.startsWith("default/") ? rest.slice("default/".length) : rest;
}

export function rowOf(entity: unknown): Row {
  const { kind, metadata, spec } = tree(entity);
  const meta = tree(metadata);
  const said = tree(spec);
  const profile = tree(said["profile"]);
  const namespace = text(meta["namespace"]) || "default";
  const name = text(meta["name"]);
  return {
    ref: `${text(kind)}:${namespace}/${name}`.toLowerCase(),
    kind: text(kind),
    namespace,
    name,
    uid: text(meta["uid"]),
    title: text(meta["title"]) || text(profile["displayName"]),
    description: text(meta["description"]),
    tags: texts(meta["tags"]),
    type: text(said["type"]),
    lifecycle: text(said["lifecycle"]),
    owner: fullRef(text(said["owner"]), "group", namespace),
    system: fullRef(text(said["system"]), "system", namespace) || fullRef(text(said["domain"]), "domain", namespace) || fullRef(text(said["parent"]), "group", namespace),
    email: text(profile["email"]),
    groups: texts(said["memberOf"]).map((group) => fullRef(group, "group", namespace)),
  };
}
