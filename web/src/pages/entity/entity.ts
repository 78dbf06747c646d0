// SPDX-License-Identifier: Apache-2.0
// An entity as its pages use it. What others wrote may be of any form, so it is read with care.
import { stringify } from "yaml";
import { useGet } from "../../api";
import { useParams } from "../../app/address";
import { refOf } from "../../ui";

export interface Entity {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    title?: string;
    description?: string;
    tags?: string[];
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    links?: { url: string; title?: string; icon?: string; type?: string }[];
  };
  spec?: Record<string, unknown>;
  relations?: { type: string; targetRef: string }[];
  status?: { items?: { type?: string; level?: string; message?: string; error?: { name?: string; message?: string } }[] };
}

export const LIVE = ["catalog.entity.*"];

export interface Place {
  kind: string;
  namespace: string;
  name: string;
}

export function usePlace(): Place & { tab: string } {
  const { kind = "", namespace = "", name = "", tab = "" } = useParams();
  return { kind, namespace, name, tab };
}

export function useEntity({ kind, namespace, name }: Place) {
  return useGet("/api/catalog/entities/by-name/{kind}/{namespace}/{name}", { params: { path: { kind, namespace, name } } }, { live: LIVE });
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

export function namespaceOf(entity: Entity): string {
  return entity.metadata.namespace ?? "default";
}

export function refOfEntity(entity: Entity): string {
  return refOf(entity.kind, namespaceOf(entity), entity.metadata.name);
}

export function titleOf(entity: Entity): string {
  const profile = entity.spec?.["profile"] as { displayName?: unknown } | undefined;
  return text(entity.metadata.title) || text(profile?.displayName) || entity.metadata.name;
}

/** Targets of its relations of a type, or of several. */
export function related(entity: Entity, ...types: string[]): string[] {
  return (entity.relations ?? []).filter((one) => types.includes(one.type)).map((one) => one.targetRef);
}

/** As somebody would read it: without what the catalog adds for its own use. */
export function asYaml(entity: Entity, all = false): string {
  const { relations, status, ...rest } = entity;
  return stringify(all ? { ...rest, ...(relations ? { relations } : {}), ...(status ? { status } : {}) } : rest, { lineWidth: 120, aliasDuplicateObjects: false });
}

export function download(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** Targets by type of relation. */
export function byType(entity: Entity, only = ""): [type: string, refs: string[]][] {
  const found = new Map<string, string[]>();
  for (const { type, targetRef } of entity.relations ?? []) {
    if (only && type !== only) continue;
    const refs = found.get(type);
    if (refs) refs.push(targetRef);
    else found.set(type, [targetRef]);
  }
  return [...found];
}

const WORDS: Record<string, string> = {
  ownedBy: "Owned by", ownerOf: "Owns", partOf: "Part of", hasPart: "Has part", dependsOn: "Depends on", dependencyOf: "Needed by", providesApi: "Provides API",
  apiProvidedBy: "Provided by", consumesApi: "Uses API", apiConsumedBy: "Used by", childOf: "Child of", parentOf: "Parent of", memberOf: "Member of", hasMember: "Has member",
};

export function relationWords(type: string): string {
  return WORDS[type] ?? type.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`).replace(/^./, (first) => first.toUpperCase());
}
