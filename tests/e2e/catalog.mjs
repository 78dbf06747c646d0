// SPDX-License-Identifier: Apache-2.0
// Finding, filtering, sharing, registering, administering; by the keyboard; live. GIVEN: {admin: a token, email, file: the
// path of a catalog file that `write` (an address) changes}.
import assert from "node:assert/strict";
import { base, focused, given, heading, open, playAll, ready, shoot, signIn, signedIn, accessible } from "./harness.mjs";

const names = (page) => page.$$eval("tbody th[scope=row]", (cells) => cells.map((one) => one.textContent.trim()));
const filter = (page) => page.getByRole("searchbox", { name: /^Filter / });

async function enter(page, path) {
  await signIn(page, given.email);
  await open(page, path);
}

async function pick(page, facet, value) {
  await page.getByRole("button", { name: new RegExp(`^${facet}`) }).first().click();
  await page.getByRole("checkbox", { name: new RegExp(value) }).first().click();
  await page.keyboard.press("Escape");
}

await playAll({
  // A list, a filter in the address, the same for somebody who is sent the link, and back.
  async filtering(page) {
    await enter(page, "/catalog");
    const all = await names(page);
    assert.ok(all.length >= 8, String(all));
    await pick(page, "Type", "service");
    await page.waitForURL(/type=service/);
    await ready(page);
    const services = await names(page);
    assert.ok(services.length > 0 && services.length < all.length);
    await page.getByRole("group", { name: "Filters that are on" }).getByText("service").waitFor();
    const shared = page.url();
    const other = await page.context().newPage();
    await other.goto(shared);
    await ready(other);
    assert.deepEqual(await names(other), services, "a link carries the filters");
    await other.close();
    await page.goBack();
    await page.waitForURL((url) => !url.searchParams.has("type"));
    await ready(page);
    assert.deepEqual(await names(page), all);
  },

  async sorting(page) {
    await enter(page, "/catalog");
    const up = await names(page);
    await page.getByRole("columnheader", { name: /^Name/ }).getByRole("button").click();
    await page.waitForURL(/sort=-name/);
    await page.waitForFunction((first) => document.querySelector("tbody th[scope=row]")?.textContent.trim() !== first, up[0]);
    assert.deepEqual(await names(page), [...up].reverse());
    assert.equal(await page.getByRole("columnheader", { name: /^Name/ }).getAttribute("aria-sort"), "descending");
  },

  async nothingFound(page) {
    await enter(page, "/catalog");
    await ready(page);
    await page.keyboard.press("/");
    await page.waitForFunction(() => document.activeElement?.tagName === "INPUT");
    await page.keyboard.type("no such thing at all");
    await page.getByText("Nothing matches all of these filters").waitFor();
    await shoot(page, "catalog-nothing");
    await accessible(page, "nothing found");
    await page.getByRole("button", { name: "Clear all filters" }).click();
    await page.waitForFunction(() => document.querySelectorAll("tbody th[scope=row]").length >= 8);
  },

  // Without a pointer: to the list, a filter, a row, the way back, a jump, the palette, the help.
  async byKeyboard(page) {
    await enter(page, "/");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.className), "fw-skip");
    await page.keyboard.press("g");
    await page.keyboard.press("c");
    await heading(page, "Catalog");
    await ready(page);
    await page.keyboard.press("/");
    await page.keyboard.type("rental");
    await page.waitForURL(/q=rental/);
    await ready(page);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => !url.searchParams.has("q"));
    await ready(page);
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    assert.equal(await page.locator("tbody tr[data-selected]").count(), 1);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/catalog\/default\/component\//);
    await page.goBack();
    await heading(page, "Catalog");
    await page.keyboard.press("Control+k");
    const palette = page.getByRole("dialog");
    await palette.waitFor();
    await page.keyboard.type("profile and");
    await palette.getByRole("option", { name: /Profile and security/ }).waitFor();
    await page.keyboard.press("Enter");
    await heading(page, "Profile");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: /Keyboard/ }).waitFor();
    await page.keyboard.press("Escape");
  },

  // From a text: looked at, made, found.
  async registering(page) {
    await enter(page, "/catalog/-/register?from=text");
    await accessible(page, "registering a text");
    const editor = page.locator(".cm-content, textarea").first();
    await editor.click();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: from-a-text\nspec:\n  type: service\n  lifecycle: production\n  owner: guests\n");
    await page.getByText("from-a-text").first().waitFor();
    await shoot(page, "register-text");
  },

  // A record: made, changed, deleted.
  async administering(page) {
    await enter(page, "/admin/teams?new=1");
    const drawer = page.getByRole("dialog", { name: /^(New|Create)/ });
    await drawer.getByLabel("Name").fill("Harbour masters");
    await drawer.getByLabel("Slug").fill("harbour-masters");
    const organization = drawer.getByLabel("Organization");
    if (!(await organization.inputValue())) {
      await organization.click();
      await page.getByRole("option").first().click();
    }
    await drawer.getByRole("button", { name: /^(Create|Make|Add)/ }).last().click();
    await heading(page, "Harbour masters");
    await open(page, "/admin/teams");
    await page.getByRole("link", { name: "Harbour masters" }).waitFor();
  },

  // A change of the file is on the open page within moments, and what somebody has in hand stays.
  async live(page) {
    await enter(page, "/catalog");
    await page.getByRole("link", { name: "Watched" }).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    const before = await focused(page);
    await fetch(`${given.write}?title=Changed+while+you+looked`, { method: "POST" });
    await page.getByRole("link", { name: "Changed while you looked" }).waitFor({ timeout: 60_000 });
    assert.equal(await focused(page), before, "the focus is where it was");
    assert.equal(await page.locator("tbody tr[data-selected]").count(), 1, "so is the selection");
  },

  // Names and texts that mean harm do none.
  async hostile(page) {
    let ran = false;
    page.on("dialog", async (dialog) => {
      ran = true;
      await dialog.dismiss();
    });
    const evil = '<img src=x onerror=alert(1)>"><script>alert(2)</script>';
    const entity = {
      apiVersion: "v1", kind: "Component", metadata: { name: "x".repeat(63), title: evil.repeat(8), description: "wide ".repeat(200), uid: "u", tags: Array(40).fill("tag"),
        links: [{ url: "javascript:alert(3)", title: evil }], annotations: { "backstage.io/managed-by-location": "url:javascript:alert(4)" } },
      spec: { owner: evil, type: evil, lifecycle: "y".repeat(300) }, relations: [{ type: evil, targetRef: "component:default/" + "z".repeat(200) }],
    };
    await page.route("**/api/catalog/entities/by-query*", (route) => route.fulfill({ contentType: "application/json", body: JSON.stringify({ items: [entity], totalItems: 1, pageInfo: {} }) }));
    await signIn(page, given.email);
    await open(page, "/catalog");
    await shoot(page, "catalog-hostile");
    await accessible(page, "hostile catalog");
    assert.equal(await page.locator("a[href^='javascript:'], main img, main script").count(), 0);
    assert.equal(ran, false);
  },

  // Without script the server's own page is there: its heading, its list, links that lead on.
  async noScript(page) {
    await signIn(page, given.email);
    await page.goto("/catalog");
    await heading(page, "Catalog");
    await page.getByRole("link", { name: "Rental", exact: true }).first().click();
    await page.waitForURL(/\/catalog\/default\/component\/rental$/);
    await page.getByRole("heading", { level: 1, name: /rental/i }).waitFor();
  },

  async opening(page) {
    await enter(page, "/catalog/default/component/rental");
    await signedIn(page);
    assert.match(await page.title(), /rental/i);
    await open(page, "/catalog/default/component/no-such-thing");
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
    assert.equal(new URL(page.url()).origin, base);
  },
});
