// SPDX-License-Identifier: Apache-2.0
// Plays scenarios in a real browser, some at a time, each in a context (cookies, storage) of its own.
//   node TOPIC.mjs URL PACKAGES [SCENARIO…]
// PACKAGES has node_modules; GIVEN is JSON for the scenarios. A line of JSON tells of each scenario as it ends; with SHOTS
// (a folder) pictures are kept there to be looked at.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [url = "", folder = ".", ...wanted] = process.argv.slice(2);
const require = createRequire(join(resolve(folder), "package.json"));
const TIMEOUT_MS = Number(process.env.E2E_TIMEOUT_MS ?? 30_000);
const AT_A_TIME = Number(process.env.E2E_AT_A_TIME ?? 3);
const shots = process.env.SHOTS;

export const base = url;
export const given = JSON.parse(process.env.GIVEN ?? "{}");
export const PASSWORD = "violet bus over the hill";

/** What a browser writes to its console for answers that a scenario asks for. */
const EXPECTED = /the server responded with a status of (401|403|404|409|410|412|422|429|500|502|503)|net::ERR_(FAILED|ABORTED|CONNECTION|INTERNET)/;

export async function launch() {
  const { chromium } = require("playwright-core");
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** A page that remembers what went wrong unseen: errors of scripts, and of the console. */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", baseURL: url, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.unseen = [];
  context.on("weberror", (error) => page.unseen.push(String(error.error())));
  page.on("console", (message) => message.type() === "error" && !EXPECTED.test(message.text()) && page.unseen.push(message.text()));
  return page;
}

async function play(browser, name, scenario) {
  const began = Date.now();
  const page = await newPage(browser, { javaScriptEnabled: !name.startsWith("noScript") });
  try {
    await scenario(page);
    assert.deepEqual(page.unseen, [], "nothing goes wrong unseen");
    console.log(JSON.stringify({ name, ms: Date.now() - began }));
  } catch (cause) {
    const seen = await page.evaluate(() => `${location.href}\n${document.body.innerText.slice(0, 1500)}`).catch(() => "");
    if (shots) await page.screenshot({ path: join(shots, `failed-${name}.png`) }).catch(() => null);
    console.log(JSON.stringify({ name, ms: Date.now() - began, error: `${cause.stack}\n--- the page: ${seen}\n--- unseen: ${page.unseen.join("\n")}` }));
  } finally {
    await page.context().close().catch(() => null);
  }
}

/** Plays all scenarios of a topic, or those that the command line names. */
export async function playAll(scenarios) {
  if (shots) mkdirSync(shots, { recursive: true });
  const browser = await launch();
  const queue = Object.entries(scenarios).filter(([name]) => wanted.length === 0 || wanted.includes(name));
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await play(browser, ...next);
  };
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  } finally {
    await browser.close();
  }
}

// ---- what scenarios need

/** Until the page is there and nothing of it is loading. */
export async function ready(page) {
  await page.waitForSelector("h1");
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]")
    && ![...document.querySelectorAll("[role=status]")].some((one) => one.firstElementChild?.textContent === "Loading"));
}

export async function open(page, path) {
  await page.goto(path);
  await ready(page);
}

/** Signs in behind the page's back: the cookie is there, the page is not opened yet. */
export async function signIn(page, email, password = PASSWORD) {
  const answer = await page.context().request.post("/api/auth/login", { data: { email, password, cookie: true } });
  assert.equal(answer.status(), 200, await answer.text());
}

export function heading(page, name) {
  return page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}

/** The frame with somebody in it. */
export function signedIn(page) {
  return page.getByRole("button", { name: /: account and appearance$/ }).waitFor();
}

export async function signOut(page) {
  await page.getByRole("button", { name: /: account and appearance$/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await heading(page, "Sign in");
}

const axeSource = () => readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const COLOURS = { runOnly: ["color-contrast", "link-in-text-block"] };

async function violations(page, name, look, options) {
  const found = await page.evaluate((o) => window.axe.run(document, o), options);
  const told = found.violations.map((v) => `${v.id} (${v.impact}): ${v.help}\n  ${v.nodes.slice(0, 5).map((n) => `${n.html}\n  ${n.failureSummary}`).join("\n  ")}`);
  assert.equal(told.length, 0, `${name}, ${look}:\n${told.join("\n")}`);
}

async function fits(page, name, look) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${name}, ${look}: the page is ${wide} pixels too wide`);
}

export const LOOKS = {
  light: { colorScheme: "light", contrast: "no-preference" },
  dark: { colorScheme: "dark", contrast: "no-preference" },
  contrast: { colorScheme: "light", contrast: "more" },
};

/** No violation of any impact: all rules in light, those of colours in the other looks; and nothing is too wide for a phone. */
export async function accessible(page, name) {
  await page.evaluate(axeSource());
  await page.setViewportSize({ width: 390, height: 900 });
  await fits(page, name, 390);
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ ...LOOKS.light, reducedMotion: "reduce" });
  await fits(page, name, 1440);
  await violations(page, name, "light", {});
  for (const look of ["dark", "contrast"]) {
    await page.emulateMedia({ ...LOOKS[look], reducedMotion: "reduce" });
    await violations(page, name, look, COLOURS);
  }
  await page.emulateMedia({ ...LOOKS.light, reducedMotion: "reduce" });
}

/** Pictures to look at. */
export async function shoot(page, name, looks = ["light", "dark"], widths = [1440, 390]) {
  if (!shots) return;
  for (const look of looks) {
    for (const width of widths) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ ...LOOKS[look], reducedMotion: "reduce" });
      await page.screenshot({ path: join(shots, `${name}-${look}-${width}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ ...LOOKS.light, reducedMotion: "reduce" });
}

export const focused = (page) => page.evaluate(() => document.activeElement?.getAttribute("name") ?? document.activeElement?.id ?? "");
