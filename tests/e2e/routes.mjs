// SPDX-License-Identifier: Apache-2.0
// Every address of the portal, from web/src/pages/*/page.json, with something that exists for each parameter.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../web/src/pages");

/** Where the records of "/admin/<x>/$id" are listed, when that is not /api/<x>. */
const LISTS = { access: "role-bindings", people: "users", kinds: "entity-kinds" };
const PROFILE_TABS = ["security", "sessions", "keys", "preferences"];

/** What stands for "component:default/rental" of the example organisation in an address of three parts. */
const ENTITIES = [["default", "component", "rental"], ["default", "api", "rental-api"], ["default", "group", "mobility"], ["default", "system", "rental"]];

async function firstId(ask, path) {
  const name = /^\/admin\/([\w-]+)\/\$id$/.exec(path)?.[1];
  const answer = name ? await ask(`/api/${LISTS[name] ?? name}?limit=1`) : null;
  return answer?.items?.[0]?.id ?? null;
}

async function entities(ask, path) {
  const shown = [];
  for (const [namespace, kind, name] of ENTITIES) {
    if (await ask(`/api/catalog/entities/by-name/${kind}/${namespace}/${name}`)) shown.push(path.replace("$namespace", namespace).replace("$kind", kind).replace("$name", name));
  }
  return shown;
}

/** [{page, path}]; ask gives the JSON at a path of the API, null when there is none. */
export async function routes(ask) {
  const found = [];
  for (const page of readdirSync(folder).filter((name) => existsSync(join(folder, name, "page.json")))) {
    const { paths, development } = JSON.parse(readFileSync(join(folder, page, "page.json"), "utf8"));
    if (development || page === "sign-in") continue; // sign_in.mjs looks at it
    for (const path of paths) {
      if (path === "/security" || path.endsWith("/$tab") && page !== "profile") continue;
      if (!path.includes("$")) found.push({ page, path });
      else if (page === "profile") found.push(...PROFILE_TABS.map((tab) => ({ page, path: path.replace("$tab", tab) })));
      else if (path.includes("$namespace")) found.push(...(await entities(ask, path)).map((one) => ({ page, path: one })));
      else {
        const id = await firstId(ask, path);
        if (id) found.push({ page, path: path.replace("$id", encodeURIComponent(id)) });
      }
    }
  }
  return found;
}
