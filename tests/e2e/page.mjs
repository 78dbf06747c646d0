// SPDX-License-Identifier: Apache-2.0
// The page in a real browser.  node page.mjs --list | node page.mjs URL PACKAGES SCENARIO [SHOTS]
// PACKAGES is the folder that has node_modules; with SHOTS pictures are kept there, to be looked at.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { security } from "./security.mjs";

const TIMEOUT_MS = 20_000;
const [url, folder = ".", wanted, shots] = process.argv.slice(2);
const packages = resolve(folder);
const widths = [1440, 390];
const schemes = ["light", "dark"];

async function ready(page) {
  await page.waitForSelector("#main h1, #main .panel");
  await page.waitForFunction(() => !document.querySelector(".bone") && !document.querySelector("[aria-busy]"));
}

async function open(page, path) {
  await page.goto(url + path);
  await ready(page);
}

async function shoot(page, name) {
  if (!shots) return;
  for (const colorScheme of schemes) {
    for (const width of widths) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(shots, `${name}-${colorScheme}-${width}.png`), fullPage: width < 600 });
    }
  }
}

/** No violation in any of the looks. */
async function accessible(page, name) {
  const axe = readFileSync(createRequire(join(packages, "package.json")).resolve("axe-core/axe.min.js"), "utf8");
  await page.emulateMedia({ reducedMotion: "reduce" });
  for (const colorScheme of schemes) {
    for (const width of widths) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, {}));
      const told = violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((n) => n.html + "\n  " + n.failureSummary).join("\n  ")}`);
      assert.equal(told.length, 0, `${name}, ${colorScheme}, ${width}:\n${told.join("\n")}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(overflow <= 0, `${name}, ${width}: the page is ${overflow} pixels too wide`);
    }
  }
}

const names = (page) => page.$$eval("tbody td.name > a", (links) => links.map((a) => a.textContent));

const scenarios = {
  ...security({ url, shoot, accessible }),

  async list(page) {
    await open(page, "/");
    const shown = await names(page);
    assert.ok(shown.length > 10, String(shown));
    assert.deepEqual(shown, [...shown].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)) && shown);
    assert.match(await page.textContent(".count-line"), /^1–\d+ of \d+$/);
    await shoot(page, "list");
    await accessible(page, "list");
  },

  async facet(page) {
    await open(page, "/");
    await page.click(".chip:has-text('API')");
    await ready(page);
    const kinds = await page.$$eval("tbody td[data-label=Kind]", (cells) => [...new Set(cells.map((c) => c.textContent))]);
    assert.deepEqual(kinds, ["API"]);
    assert.equal(new URL(page.url()).searchParams.get("kind"), "API");
    assert.match(await page.textContent(".chip[aria-current]"), /^API/);
    await page.goBack();
    await ready(page);
    assert.ok((await page.$$eval("tbody td[data-label=Kind]", (cells) => new Set(cells.map((c) => c.textContent)).size)) > 1);
  },

  async search(page) {
    await open(page, "/catalog");
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "search");
    await page.keyboard.type("rental");
    await page.waitForFunction(() => location.search === "?q=rental" && !document.querySelector("[aria-busy]"));
    const shown = await page.$$eval("tbody tr", (rows) => rows.map((r) => r.textContent.toLowerCase()));
    assert.ok(shown.length > 0);
    await shoot(page, "search");
    await page.fill("#search", "no such thing at all");
    await page.waitForSelector("text=Nothing matches");
    await shoot(page, "search-nothing");
    await accessible(page, "nothing found");
    await page.click("text=Show everything");
    await ready(page);
    assert.ok((await names(page)).length > 10);
  },

  async entity(page) {
    await open(page, "/catalog?kind=Component");
    const [first] = await names(page);
    await page.click(`td.name > a:has-text("${first}")`);
    await page.waitForSelector("#card-about");
    assert.equal(await page.textContent("h1"), first);
    assert.match(await page.title(), /· Fairway$/);
    assert.ok((await page.$$("#card-relations ~ dl a")).length > 0, "relations are links");
    assert.match(await page.textContent("#card-health ~ p"), /unknown/);
    await shoot(page, "entity");
    await page.click("summary");
    assert.match(await page.textContent("pre"), /^apiVersion: backstage\.io\/v1alpha1\nkind: Component\n/);
    await page.click("button:has-text('JSON')");
    assert.equal(JSON.parse(await page.textContent("pre")).kind, "Component");
    await shoot(page, "entity-text");
    await accessible(page, "entity");
    await page.click("#card-relations ~ dl a");
    await page.waitForFunction((name) => document.querySelector("h1")?.textContent !== name, first);
    await page.goBack();
    await page.waitForFunction((name) => document.querySelector("h1")?.textContent === name, first);
  },

  async missing(page) {
    await open(page, "/catalog/default/component/no-such-thing");
    await page.waitForSelector("text=There is no such entity");
    await shoot(page, "missing");
    await accessible(page, "missing");
  },

  async keyboard(page) {
    await open(page, "/catalog?kind=Component");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    for (let i = 0; i < 40 && !(await page.evaluate(() => document.activeElement.closest("td.name"))); i++) await page.keyboard.press("Tab");
    const name = await page.evaluate(() => document.activeElement.textContent);
    await page.keyboard.press("Enter");
    await page.waitForFunction((n) => document.querySelector("h1")?.textContent === n, name);
    assert.equal(await page.evaluate(() => document.activeElement.id), "main", "focus moves to the new view");
  },

  async theme(page) {
    await open(page, "/");
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: "light" });
    const light = await paper();
    await page.click("#theme");
    await page.click("#theme");
    const dark = await paper();
    assert.notEqual(light, dark);
    await page.reload();
    await ready(page);
    assert.equal(await paper(), dark, "the choice is kept");
  },

  async loading(page) {
    let go;
    const held = new Promise((resolve) => (go = resolve));
    await page.route("**/api/catalog/entities/by-query*", async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(url + "/");
    await page.waitForSelector(".bone");
    await shoot(page, "loading");
    go();
    await ready(page);
    assert.ok((await names(page)).length > 10);
  },

  async failing(page) {
    await page.route("**/api/catalog/entities/by-query*", (route) =>
      route.fulfill({ status: 503, headers: { "X-Request-Id": "01a1fbbd-9f96-74d9-983f-693eb9d90238" }, contentType: "application/json",
        body: JSON.stringify({ error: { name: "ServiceUnavailableError", message: "The database does not answer." } }) }));
    await page.goto(url + "/");
    await page.waitForSelector("[role=alert]");
    assert.match(await page.textContent("[role=alert]"), /The database does not answer\..*01a1fbbd/s);
    await shoot(page, "failing");
    await accessible(page, "failing");
    await page.unroute("**/api/catalog/entities/by-query*");
    await page.click("text=Try again");
    await ready(page);
    assert.ok((await names(page)).length > 10);
  },

  async hostile(page) {
    let ran = false;
    page.on("dialog", async (dialog) => {
      ran = true;
      await dialog.dismiss();
    });
    const evil = '<img src=x onerror=alert(1)>"><script>alert(2)</script>';
    const entity = {
      apiVersion: "v1", kind: "Component",
      metadata: { name: "x".repeat(63), title: evil.repeat(8), description: "wide ".repeat(200), uid: "u", tags: Array(40).fill("tag"),
        links: [{ url: "javascript:alert(3)", title: evil }], annotations: { "backstage.io/managed-by-location": "url:javascript:alert(4)" } },
      spec: { owner: evil, type: evil, lifecycle: "y".repeat(300) },
      relations: [{ type: evil, targetRef: "component:default/" + "z".repeat(200) }],
      status: { items: [{ type: "x", level: "error", message: evil.repeat(5) }] },
    };
    const json = (body) => (route) => route.fulfill({ contentType: "application/json", body: JSON.stringify(body) });
    await page.route("**/api/catalog/entities/by-query*", json({ items: [entity, entity], totalItems: 2, pageInfo: {} }));
    await page.route("**/api/catalog/entities/by-name/**", json(entity));
    await page.route("**/api/services/**", json({ status: evil, uptime: { day: 1 }, checks: [{ name: evil, status: "unhealthy", last_result: { at: "2026-11-20T00:00:00Z", error: evil } }] }));
    await page.goto(url + "/");
    await ready(page);
    await shoot(page, "hostile-list");
    await accessible(page, "hostile list");
    await page.click("td.name > a");
    await page.waitForSelector("#card-about");
    await shoot(page, "hostile-entity");
    await accessible(page, "hostile entity");
    assert.equal(await page.$$eval("a[href^='javascript:'], main img, main script", (found) => found.length), 0);
    assert.equal(ran, false);
  },

  // Only with an empty catalog.
  async empty(page) {
    await open(page, "/");
    await page.waitForSelector("text=The catalog is empty");
    await shoot(page, "empty");
    await accessible(page, "empty");
  },

  // The test changes the file meanwhile: it waits for this line and then for the new description.
  async live(page) {
    await open(page, "/catalog");
    await page.waitForSelector(".live.good");
    console.log("following");
    await page.waitForSelector("text=changed while you looked", { timeout: 60_000 });
  },

  // On a server that asks for credentials: ONE_TIME is the token of its first link.
  async signin(page) {
    await page.goto(`${url}/#one-time=${process.env.ONE_TIME}`);
    await page.waitForSelector("text=Set your password");
    assert.equal(new URL(page.url()).hash, "", "the address line does not keep it");
    await accessible(page, "one-time");
    await page.fill("input[name=password]", "short");
    await page.click("main button[type=submit]");
    await page.waitForSelector("[role=alert]:has-text('8 to 256 characters')");
    await page.fill("input[name=password]", "violet bus over the hill");
    await page.fill("input[name=email]", "ada@example.org");
    await page.click("main button[type=submit]");
    await page.waitForSelector("text=Sign out");
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite], ["__Host-fairway", true, true, "Lax"]);
    assert.equal(await page.evaluate(() => document.cookie), "", "no script sees it");
    await page.click("text=Sign out");
    await page.waitForSelector("h1:has-text('Sign in')");
    await accessible(page, "sign-in");
    await page.click("text=Forgot password?");
    await page.waitForSelector("[role=status]:has-text('Give your email')");
    await page.fill("input[name=email]", "ada@example.org");
    await page.click("text=Forgot password?");
    await page.waitForSelector("[role=status]:has-text('sends no mail')"); // this server
    await page.fill("input[name=email]", "ada@example.org");
    await page.fill("input[name=password]", "wrong");
    await page.click("main button[type=submit]");
    await page.waitForSelector("[role=alert]:has-text('is wrong')");
    await page.fill("input[name=password]", "violet bus over the hill");
    await page.click("main button[type=submit]");
    await page.waitForSelector("text=Sign out");
  },

  // By a real OpenID Provider: there, back, out, and there again to give up.
  async provider(page) {
    await page.route((address) => address.hostname !== "127.0.0.1", (route) => route.fulfill({ status: 200, body: "" })); // fonts of its forms
    await page.goto(`${url}/catalog?kind=API`);
    await page.click("a:has-text('Sign in with Example login')");
    await page.fill("input[name=login]", "grace");
    await page.fill("input[name=password]", "any");
    await page.click("button[type=submit]");
    await page.click("button[type=submit]"); // consents
    await page.waitForSelector("text=Sign out");
    assert.equal(page.url(), `${url}/catalog?kind=API`, "where it began");
    const cookies = (await page.context().cookies()).filter((c) => c.name.startsWith("__Host-"));
    assert.deepEqual(cookies.map((c) => [c.name, c.httpOnly, c.secure, c.sameSite]).sort(), [
      ["__Host-fairway", true, true, "Lax"],
      ["__Host-fairway-sign-in", true, true, "Lax"],
    ]);
    await page.click("text=Sign out");
    await page.waitForSelector("a:has-text('Sign in with Example login')");
    await shoot(page, "sign-in-providers");
    await accessible(page, "sign-in with providers");
    await page.context().clearCookies(); // the provider does not know the browser any more
    await page.click("a:has-text('Sign in with Example login')");
    await page.click("a:has-text('Cancel')");
    await page.waitForSelector("[role=alert]:has-text('cancelled at the provider')");
    assert.equal(new URL(page.url()).hash, "", "the address line does not keep it");
    await shoot(page, "sign-in-cancelled");
    await accessible(page, "sign-in cancelled");
  },

  // With 120 entities called many-000 …
  async pages(page) {
    await open(page, "/catalog?kind=Component");
    const seen = await names(page);
    for (const range of ["51–100", "101–120"]) {
      await page.click("text=Next");
      await page.waitForFunction((text) => document.querySelector(".count-line")?.textContent.startsWith(text), range);
      seen.push(...(await names(page)));
    }
    assert.equal(new Set(seen).size, 120);
    assert.equal(await page.$$eval(".pager a", (links) => links.length), 1, "there is no next page");
    await page.click("text=Previous");
    await page.waitForFunction(() => document.querySelector(".count-line")?.textContent.startsWith("51–100"));
    await page.goBack();
    await page.waitForFunction(() => document.querySelector(".count-line")?.textContent.startsWith("101–120"));
  },
};

if (url === "--list") {
  console.log(Object.keys(scenarios).join("\n"));
} else {
  const { chromium } = createRequire(join(packages, "package.json"))("playwright-core");
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(TIMEOUT_MS);
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => message.type() === "error" && !/status of (401|403|404|409|422|503)/.test(message.text()) && errors.push(message.text()));
    await scenarios[wanted](page);
    assert.deepEqual(errors, [], "nothing goes wrong unseen");
  } finally {
    await browser.close();
  }
}
