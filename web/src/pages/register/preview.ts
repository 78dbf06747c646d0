// SPDX-License-Identifier: Apache-2.0
// What an address would bring: that of a file as it would be read, that of a repository as its entity files would be.
import { call } from "../../api";
import type { Entity } from "../catalog/plain";

export interface Preview {
  entities: Entity[];
  /** What would be registered. */
  targets: string[];
  /** Those of the targets that are registered already. */
  registered: string[];
  /** For a repository without an entity file: what one could say. */
  guess: Entity | undefined;
}

/** A file by its name; everything else may be a repository or a folder in it. */
export function isFile(target: string): boolean {
  try {
    return /\.(ya?ml|json)$/i.test(new URL(target).pathname) || target.includes("*");
  } catch {
    return false;
  }
}

function locationTarget(entity: Entity): string {
  const spec = (entity["spec"] ?? {}) as Entity;
  return String(entity["kind"]).toLowerCase() === "location" ? String(spec["target"] ?? "") : "";
}

async function ofFile(target: string, signal: AbortSignal): Promise<Preview> {
  const { data } = await call("post", "/api/catalog/locations", { params: { query: { dryRun: "true" } }, body: { type: "url", target }, signal });
  // The Location that stands for the address itself is no news.
  const entities = (data.entities as Entity[]).filter((entity) => locationTarget(entity) !== target);
  return { entities, targets: [target], registered: data.exists ? [target] : [], guess: undefined };
}

async function ofRepository(target: string, signal: AbortSignal): Promise<Preview> {
  const { data } = await call("post", "/api/catalog/analyze-location", { body: { location: { type: "url", target } }, signal });
  const files = data.existingEntityFiles.map((file) => ({ target: String((file.location as Entity)["target"] ?? ""), isRegistered: file.isRegistered, entity: file.entity as Entity }));
  const targets = [...new Set(files.map((file) => file.target))];
  const own = new Set(targets);
  return {
    entities: files.map((file) => file.entity).filter((entity) => !own.has(locationTarget(entity))),
    targets,
    registered: targets.filter((one) => files.some((file) => file.target === one && file.isRegistered)),
    guess: files.length === 0 ? (data.generateEntities[0]?.entity as Entity | undefined) : undefined,
  };
}

export function preview(target: string, signal: AbortSignal): Promise<Preview> {
  return isFile(target) ? ofFile(target, signal) : ofRepository(target, signal);
}

/** What is wrong with an address before anybody is asked; "" when nothing is. */
export function addressProblem(target: string): string {
  try {
    const { protocol, username } = new URL(target);
    if (protocol !== "https:" && protocol !== "http:") return "The address begins with https:// or http://.";
    return username ? "Leave name and password out of the address; an integration of the configuration holds them." : "";
  } catch {
    return "This is no address. One looks like https://github.com/acme/shop/blob/main/catalog-info.yaml";
  }
}
