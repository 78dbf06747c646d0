// SPDX-License-Identifier: Apache-2.0
// Pictures of every page to look at: full, loading and failing, in light and dark, 1440 and 390 wide; and empty ones of a
// server that has nothing.   node screenshots.mjs URL PACKAGES [EMPTY_URL]; SHOTS is the folder.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { LOOKS, base, given, launch, newPage, ready, signIn } from "./harness.mjs";
import { routes } from "./routes.mjs";

const shots = process.env.SHOTS ?? "build/screenshots";
const empty = process.argv[4];
const WIDTHS = [1440, 390];
const nameOf = (path) => path === "/" ? "home" : path.slice(1).replace(/[^\w-]+/g, "-").replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "one");
const asked = /\/api\/(?!auth\/me|events\/changes)/;

async function shoot(page, name) {
  for (const look of ["light", "dark"]) {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ ...LOOKS[look], reducedMotion: "reduce" });
      await page.screenshot({ path: join(shots, `${name}-${look}-${width}.png`), fullPage: true });
    }
  }
}

async function state(browser, from, path, name, prepare, wait) {
  const page = await newPage(browser, { baseURL: from });
  try {
    if (given.email) await signIn(page, given.email);
    await prepare(page);
    await page.goto(path);
    await page.waitForSelector("h1");
    await wait(page);
    await shoot(page, name);
  } catch (cause) {
    console.error(`${name}: ${String(cause).split("\n")[0]}`);
  } finally {
    await page.context().close();
  }
}

const ask = async (path) => {
  const answer = await fetch(base + path, { headers: given.admin ? { Authorization: `Bearer ${given.admin}` } : {} });
  return answer.ok ? answer.json() : null;
};

mkdirSync(shots, { recursive: true });
const browser = await launch();
try {
  for (const { path } of [...await routes(ask), { path: "/sign-in" }]) {
    const name = nameOf(path);
    await state(browser, base, path, `${name}-full`, async (page) => { if (path === "/sign-in") await page.context().clearCookies(); }, ready);
    await state(browser, base, path, `${name}-loading`, (page) => page.route(asked, () => undefined), (page) => page.waitForTimeout(500));
    await state(browser, base, path, `${name}-failing`, (page) => page.route(asked, (route) => route.fulfill({ status: 500, contentType: "application/problem+json",
      body: JSON.stringify({ title: "Internal error", status: 500, detail: "The database does not answer." }) })), (page) => page.waitForTimeout(2500));
    if (empty) await state(browser, empty, path, `${name}-empty`, async () => undefined, ready);
  }
} finally {
  await browser.close();
}
