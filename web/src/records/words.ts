// SPDX-License-Identifier: Apache-2.0
// Names of actions as sentences: "teams.updated" is "Changed the team".

const VERBS: Record<string, string> = {
  created: "Created", updated: "Changed", deleted: "Deleted", restored: "Restored", rotated: "Gave a new value to", signed_out: "Ended the sessions of", erased: "Erased",
  exported: "Exported", cancelled: "Cancelled", retried: "Ran again",
};

function singular(word: string): string {
  if (word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  return word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

/** "team-memberships.created" → "Created the team membership". What is not known is shown as it is. */
export function sayAction(action: string): string {
  const at = action.lastIndexOf(".");
  const verb = VERBS[action.slice(at + 1)];
  if (at < 0 || !verb) return action;
  const parts = action.slice(0, at).split(".");
  return `${verb} the ${parts.map((part) => singular(part.replaceAll("-", " ").replace(/\bapi\b/, "API"))).join(" ")}`;
}

/** "Entity" → "entities". */
export function sayMany(resource: string): string {
  const word = sayResource(resource);
  return /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : /(s|x|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}

/** "AuditLog" → "audit log". */
export function sayResource(resource: string): string {
  return resource.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().replace(/\bapi\b/, "API");
}
