// SPDX-License-Identifier: Apache-2.0
// What somebody does with their own account. GIVEN: somebody for each scenario ({email, id}), with a password.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { PASSWORD, accessible, base, given, heading, open, playAll, shoot, signIn, signOut, signedIn } from "./harness.mjs";
import { authenticator, codesOf, keepCodes, setUpApp } from "./factors.mjs";

/** The last sign-in is some time ago, says the page's own question; the server decides by itself. */
async function longAgo(page) {
  await page.route("**/api/auth/second-factors", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), confirmed_until: "2026-01-01T00:00:00.000Z" } });
  });
}

async function enter(page, name, path) {
  await signIn(page, given[name].email);
  await open(page, path);
}

const dialog = (page, name) => page.getByRole("dialog", { name });

async function throughProvider(page, login) {
  await page.fill("input[name=login]", login);
  await page.fill("input[name=password]", "any");
  await page.click("button[type=submit]");
  await page.click("button[type=submit]"); // consents
}

/** The forms of the provider ask for fonts from elsewhere. */
const noFonts = (page) => page.route((address) => !["127.0.0.1", "localhost"].includes(address.hostname), (route) => route.fulfill({ status: 200, body: "" }));

await playAll({
  async tabs(page) {
    await enter(page, "tabs", "/profile");
    await page.getByText(given.tabs.email).first().waitFor();
    for (const [label, path] of [["Signing in", "/profile/security"], ["Sessions", "/profile/sessions"], ["API keys", "/profile/keys"], ["Preferences", "/profile/preferences"], ["About you", "/profile"]]) {
      await page.getByRole("link", { name: label, exact: true }).click();
      await page.waitForURL(base + path);
      await heading(page, "Profile");
    }
    await page.goto("/security"); // the address of old
    await page.waitForURL(`${base}/profile/security`);
    await page.goto("/profile/nothing");
    await page.waitForURL(`${base}/profile`);
  },

  async passkeys(page) {
    await authenticator(page);
    await enter(page, "passkeys", "/profile/security");
    await page.getByRole("button", { name: "Add a passkey" }).click();
    await page.waitForSelector("[data-new-codes]");
    await keepCodes(page);
    const keys = page.locator("#passkeys");
    await keys.getByRole("button", { name: /^Rename/ }).click();
    const name = dialog(page, "Rename the passkey").getByLabel("Name");
    await name.fill("Ada's laptop");
    await page.keyboard.press("Enter");
    await keys.getByText("Ada's laptop", { exact: true }).waitFor();
    await shoot(page, "profile-passkey");
    await keys.getByRole("button", { name: "Remove Ada's laptop" }).click();
    const sure = dialog(page, /^Remove “Ada's laptop”\?/);
    await sure.waitFor();
    await accessible(page, "profile, a question");
    await page.keyboard.press("Escape");
    await sure.waitFor({ state: "detached" });
    assert.equal(await keys.locator("li").count(), 1, "Escape removes nothing");
    await keys.getByRole("button", { name: "Remove Ada's laptop" }).click();
    await sure.getByRole("button", { name: "Remove", exact: true }).click();
    await keys.locator("li").waitFor({ state: "detached" });
    await page.locator("#recovery").waitFor({ state: "detached" }); // recovery codes went with the last factor
  },

  // Some time after the sign-in it is asked first who it is.
  async confirming(page) {
    await enter(page, "confirming", "/profile/security");
    const { codes } = await setUpApp(page);
    await keepCodes(page);
    await longAgo(page);
    await page.reload();
    await page.getByRole("button", { name: "Make new codes" }).click();
    await dialog(page, "Make new recovery codes?").getByRole("button", { name: "Make new codes" }).click();
    const who = dialog(page, "Show that it is you");
    await who.getByLabel("Code of your app, or a recovery code").fill("wrong");
    await page.keyboard.press("Enter");
    await who.getByText("is wrong").first().waitFor();
    await shoot(page, "profile-confirm");
    await accessible(page, "profile, who one is");
    await who.getByLabel("Code of your app, or a recovery code").fill(codes[3]);
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-new-codes]");
    const renewed = await codesOf(page);
    assert.equal(renewed.length, 10);
    assert.ok(!codes.some((code) => renewed.includes(code)));
  },

  async password(page) {
    const { email } = given.password;
    await enter(page, "password", "/profile/security");
    const panel = page.locator("#password");
    const change = async (current, next) => {
      await panel.getByLabel("Password as it is", { exact: false }).fill(current);
      await panel.getByLabel("New password", { exact: false }).fill(next);
      await panel.getByRole("button", { name: "Change the password" }).click();
    };
    await change("wrong", "another bus over the hill");
    await panel.getByText("is wrong").first().waitFor();
    await change(PASSWORD, "another bus over the hill");
    await page.getByText("Your password is changed").first().waitFor();
    assert.equal(await panel.getByLabel("New password", { exact: false }).inputValue(), "", "nothing of it stays on the page");
    await signOut(page);
    await signIn(page, email, "another bus over the hill");
  },

  // Two browsers of one person: one ends the other.
  async sessions(page) {
    await enter(page, "sessions", "/profile/sessions");
    const answer = await fetch(`${base}/api/auth/login`, { method: "POST", headers: { "Content-Type": "application/json", "User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0" },
      body: JSON.stringify({ email: given.sessions.email, password: PASSWORD }) });
    const { access_token: token } = await answer.json();
    await page.reload();
    const other = page.locator("#sessions li", { hasText: "Firefox on Windows" });
    await other.waitFor();
    assert.match(await page.locator("#sessions").textContent(), /This one/);
    await accessible(page, "sessions");
    await page.getByRole("button", { name: /^End Firefox on Windows/ }).click();
    await other.waitFor({ state: "detached" });
    const gone = await fetch(`${base}/api/auth/me`, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(gone.status, 401);
  },

  async keys(page) {
    await enter(page, "keys", "/profile/keys");
    await page.getByText("You have no API keys").waitFor();
    await accessible(page, "no keys");
    await page.getByRole("button", { name: "Make an API key" }).click();
    const making = dialog(page, "Make an API key");
    await making.getByLabel("Name").fill("Pipeline");
    await making.getByRole("button", { name: "Make the key" }).click();
    const shown = page.locator("[data-new-key]");
    await shown.waitFor();
    const key = (await shown.locator("pre, code").first().textContent()).trim();
    const me = await fetch(`${base}/api/auth/me`, { headers: { Authorization: `Bearer ${key}` } });
    assert.equal(me.status, 200, "the key works");
    await accessible(page, "a new key");
    await shown.getByRole("button", { name: "I have kept it" }).click();
    await page.getByRole("button", { name: "New value for Pipeline" }).click();
    await dialog(page, /new value\?$/).getByRole("button", { name: "Make a new value" }).click();
    await shown.getByRole("button", { name: "I have kept it" }).click();
    await page.getByRole("button", { name: "Delete Pipeline" }).click();
    await dialog(page, /^Delete the key/).getByRole("button", { name: "Delete the key" }).click();
    await page.getByText("You have no API keys").waitFor();
  },

  async takesAlong(page) {
    await enter(page, "takesAlong", "/profile");
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export my data" }).click();
    const saved = JSON.parse(readFileSync(await (await waiting).path(), "utf8"));
    assert.equal(saved.user.email, given.takesAlong.email);
  },

  async theme(page) {
    await enter(page, "theme", "/profile/preferences");
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await page.getByLabel("Dark", { exact: true }).check();
    const dark = await paper();
    assert.notEqual(light, dark);
    await page.reload();
    await heading(page, "Profile");
    assert.equal(await paper(), dark, "the choice is kept");
    await page.getByLabel("High contrast", { exact: true }).check();
    assert.equal(await paper(), "rgb(255, 255, 255)");
  },

  // A real OpenID Provider: an account of it is linked, signs in, is unlinked, and is not linked.
  async linking(page) {
    await noFonts(page);
    await enter(page, "linking", "/profile/security");
    await page.getByRole("button", { name: "Link Example login" }).click();
    await throughProvider(page, "grace");
    const linked = page.locator("#accounts li");
    await linked.waitFor();
    assert.equal(page.url(), `${base}/profile/security`);
    assert.match(await linked.textContent(), /^Example login.*grace@example\.org · linked .* · used /);
    assert.equal(await page.getByRole("button", { name: "Link Example login" }).isVisible(), false, "it is linked already");
    await accessible(page, "profile, an account linked");
    await signOut(page);
    await page.getByRole("link", { name: "Sign in with Example login" }).click(); // nothing more is asked for
    await signedIn(page);
    await open(page, "/profile/security");
    await page.getByRole("button", { name: "Unlink grace@example.org" }).click();
    const sure = dialog(page, "Unlink grace@example.org at Example login?");
    await sure.waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await linked.count(), 1, "Escape unlinks nothing");
    await page.getByRole("button", { name: "Unlink grace@example.org" }).click();
    await sure.getByRole("button", { name: "Unlink", exact: true }).click();
    await page.getByRole("button", { name: "Link Example login" }).waitFor();
    assert.equal(await linked.count(), 0);

    await page.context().clearCookies({ domain: "127.0.0.1" }); // the provider does not know the browser any more
    await page.getByRole("button", { name: "Link Example login" }).click();
    await page.click("a:has-text('Cancel')");
    await page.locator("#accounts").getByText("cancelled at the provider").waitFor();
    assert.equal(page.url(), `${base}/profile/security`, "the address line does not keep the word");
    await accessible(page, "profile, linking failed");
    await page.reload();
    await page.locator("#accounts").waitFor();
    assert.equal(await page.getByText("cancelled at the provider").count(), 0, "it is told once");
  },

  // Whoever links an account some time after signing in shows first who they are; the provider's sign-in says it, too.
  async linkingLater(page) {
    await noFonts(page);
    await longAgo(page);
    await enter(page, "linkingLater", "/profile/security");
    await page.getByRole("button", { name: "Link Example login" }).click();
    const who = dialog(page, "Show that it is you");
    assert.equal(await who.getByRole("link").count(), 0, "nothing is linked yet");
    await who.getByLabel("Password", { exact: false }).first().fill(PASSWORD);
    await page.keyboard.press("Enter");
    await throughProvider(page, "hopper");
    await page.locator("#accounts li").waitFor();
    await page.getByRole("button", { name: /^Unlink/ }).click();
    await dialog(page, /^Unlink/).getByRole("button", { name: "Unlink", exact: true }).click();
    await who.getByRole("link", { name: "Sign in with Example login again" }).waitFor();
    await accessible(page, "profile, who one is, by a provider");
    await page.unroute("**/api/auth/second-factors");
    await who.getByRole("link", { name: "Sign in with Example login again" }).click();
    await page.locator("#accounts li").waitFor();
    await page.getByRole("button", { name: /^Unlink/ }).click();
    await dialog(page, /^Unlink/).getByRole("button", { name: "Unlink", exact: true }).click();
    await page.getByRole("button", { name: "Link Example login" }).waitFor();
  },
});
