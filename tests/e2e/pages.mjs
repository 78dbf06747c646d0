// SPDX-License-Identifier: Apache-2.0
// What holds of every page: nobody is kept out by how it is drawn, it fails in parts and recovers, it waits in peace, and it
// says something without script. GIVEN: {admin: a token, email}.
import assert from "node:assert/strict";
import { accessible, base, given, open, playAll, ready, shoot, signIn } from "./harness.mjs";
import { routes } from "./routes.mjs";

async function ask(path) {
  const answer = await fetch(base + path, { headers: { Authorization: `Bearer ${given.admin}`, Accept: "application/json" } });
  return answer.ok ? answer.json() : null;
}

const all = await routes(ask);
const nameOf = (path) => path === "/" ? "home" : path.slice(1).replace(/[^\w-]+/g, "-").replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "one");
/** These ask nothing of the API at first, or listen to a stream, and say "Not connected". */
const QUIET = /^\/(profile\/preferences|catalog\/-\/register|admin\/events)$/;
const failed = (page) => page.getByRole("button", { name: "Try again" }).first();

const scenarios = {};
for (const { path } of all) {
  const name = nameOf(path);
  scenarios[`look:${name}`] = async (page) => {
    await signIn(page, given.email);
    await open(page, path);
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, "one main heading");
    assert.match(await page.title(), /. · Fairway$/);
    await shoot(page, name);
    await accessible(page, path);
  };
}

// By page, not by address: what an address adds are the same parts.
for (const { path } of all.filter((one, i) => all.findIndex((other) => other.page === one.page) === i && !QUIET.test(one.path))) {
  const name = nameOf(path);
  scenarios[`fail:${name}`] = async (page) => {
    await signIn(page, given.email);
    let fails = true;
    await page.route(/\/api\/(?!auth\/me|events\/changes)/, (route) => (fails && route.request().method() === "GET" || fails && /by-query|facets|search/.test(route.request().url())
      ? route.fulfill({ status: 500, headers: { "X-Request-Id": "01a1fbbd-9f96-74d9-983f-693eb9d90238" }, contentType: "application/problem+json", body: JSON.stringify({ title: "Internal error", status: 500, detail: "The database does not answer." }) })
      : route.continue()));
    await page.goto(path);
    await failed(page).waitFor();
    await page.getByText("The database does not answer.").first().waitFor();
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, "the page stands");
    await shoot(page, `${name}-failing`);
    await accessible(page, `${path}, failing`);
    fails = false;
    for (let i = 0; i < 12 && await failed(page).isVisible(); i++) {
      await failed(page).click({ timeout: 2000 }).catch(() => null); // it may go by itself
      await page.waitForTimeout(150);
    }
    await failed(page).waitFor({ state: "detached" });
    await ready(page);
  };
  scenarios[`wait:${name}`] = async (page) => {
    await signIn(page, given.email);
    let go;
    const held = new Promise((resolve) => { go = resolve; });
    await page.route(/\/api\/(?!auth\/me|events\/changes)/, async (route) => {
      await held;
      await route.continue().catch(() => null);
    });
    await page.goto(path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await shoot(page, `${name}-loading`);
    go();
    await ready(page);
  };
}

await playAll(scenarios);
