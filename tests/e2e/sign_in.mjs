// SPDX-License-Identifier: Apache-2.0
// Signing in by every way there is. GIVEN: for each scenario somebody of its own ({email, token} of a one-time link), and
// `letters`, an address that gives the letters sent to somebody.
import assert from "node:assert/strict";
import { PASSWORD, accessible, base, given, heading, open, playAll, shoot, signOut, signedIn } from "./harness.mjs";
import { authenticator, codesOf, keepCodes, settle, setUpApp, totp } from "./factors.mjs";

const field = (page, label) => page.getByLabel(label, { exact: true });

async function follow(page, token) {
  await page.goto(`/#one-time=${token}`);
  await heading(page, "Set your password");
  assert.equal(new URL(page.url()).hash, "", "the address line does not keep it");
}

async function setPassword(page, password = PASSWORD) {
  await field(page, "New password").fill(password);
  await page.getByRole("button", { name: "Set it and sign in" }).click();
}

async function arrive(page, who) {
  await follow(page, who.token);
  await setPassword(page);
  await signedIn(page);
}

async function password(page, email, word = PASSWORD) {
  await field(page, "Email").fill(email);
  await field(page, "Password").fill(word);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

const alert = (page, text) => page.getByRole("alert").filter({ hasText: text }).first().waitFor();

await playAll({
  // A link, a password that will not do, out, the same words for what is wrong, and in again.
  async byPassword(page) {
    const { email, token } = given.byPassword;
    await follow(page, token);
    await shoot(page, "one-time");
    await accessible(page, "one-time link");
    await setPassword(page, "short");
    await page.getByText("must have 8 to 256 characters").first().waitFor();
    await setPassword(page);
    await signedIn(page);
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite], ["__Host-fairway", true, true, "Lax"]);
    assert.equal(await page.evaluate(() => document.cookie), "", "no script sees it");
    await signOut(page);
    await shoot(page, "sign-in");
    await accessible(page, "sign-in");
    assert.deepEqual(await page.$$eval("form input", (all) => all.map((one) => one.autocomplete)), ["username", "current-password"]);
    await password(page, email, "wrong");
    await alert(page, "The address or the password is wrong.");
    await password(page, "nobody@example.org", "wrong");
    await alert(page, "The address or the password is wrong.");
    assert.equal(await field(page, "Email").inputValue(), "nobody@example.org", "what was typed stays");
    await password(page, email);
    await signedIn(page);
  },

  // The page that was asked for comes after the sign-in, with its query.
  async goesOn(page) {
    await arrive(page, given.goesOn);
    await page.context().clearCookies();
    await page.goto("/profile/sessions?x=1");
    await heading(page, "Sign in");
    await password(page, given.goesOn.email);
    await heading(page, "Profile");
    assert.equal(page.url(), `${base}/profile/sessions?x=1`);
    await page.goto("/sign-in?to=//evil.example");
    await page.waitForURL(`${base}/`);
  },

  async usedLink(page) {
    await arrive(page, given.usedLink);
    await page.context().clearCookies();
    await page.goto("/sign-in");
    await follow(page, given.usedLink.token);
    await setPassword(page);
    await alert(page, "The link has been used or is too old");
  },

  // By mail: asked for, followed, and the password before does not work any more.
  async forgotten(page) {
    const { email } = given.forgotten;
    await arrive(page, given.forgotten);
    await signOut(page);
    await field(page, "Email").fill(email);
    await page.getByRole("button", { name: "Forgot your password?" }).click();
    await heading(page, "Set a new password");
    assert.equal(await field(page, "Email").inputValue(), email, "the address comes along");
    await accessible(page, "forgotten password");
    await page.getByRole("button", { name: "Send me a link" }).click();
    await heading(page, "Look into your mail");
    await shoot(page, "forgotten-sent");
    let token;
    for (let i = 0; i < 200 && !token; i++) {
      await page.waitForTimeout(100);
      token = (await (await fetch(`${given.letters}?to=${encodeURIComponent(email)}`)).json()).token;
    }
    await follow(page, token);
    await setPassword(page, "another bus over the hill");
    await signedIn(page);
    await signOut(page);
    await password(page, email);
    await alert(page, "is wrong");
    await password(page, email, "another bus over the hill");
    await signedIn(page);
  },

  async byPasskey(page) {
    const { email } = given.byPasskey;
    const { cdp, authenticatorId } = await authenticator(page);
    await arrive(page, given.byPasskey);
    await open(page, "/profile/security");
    await shoot(page, "profile-security-none");
    await accessible(page, "profile, nothing set up");
    await page.getByRole("button", { name: "Add a passkey" }).click();
    await page.waitForSelector("[data-new-codes]");
    assert.ok(await page.evaluate(() => document.activeElement?.matches("[data-new-codes]")), "the codes have the focus");
    const codes = await codesOf(page);
    assert.equal(new Set(codes).size, 10);
    await accessible(page, "profile, new codes");
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download" }).click();
    const { readFileSync } = await import("node:fs");
    const saved = readFileSync(await (await waiting).path(), "utf8");
    assert.ok(codes.every((code) => saved.includes(code)));
    await keepCodes(page);
    const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
    assert.deepEqual(credentials.map((c) => [c.rpId, c.isResidentCredential]), [["localhost", true]]);

    await signOut(page);
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await signedIn(page);

    await signOut(page);
    await password(page, email);
    await heading(page, "Second step");
    await shoot(page, "second-step-passkey");
    await accessible(page, "second step with a passkey");
    await page.getByRole("button", { name: "Use a passkey" }).click();
    await signedIn(page);

    await signOut(page);
    await password(page, email);
    await page.getByRole("button", { name: "Use a recovery code" }).click();
    await field(page, "Recovery code").fill(codes[0].toLowerCase());
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await signedIn(page);
    await open(page, "/profile/security");
    await page.getByText("9 of 10 left").waitFor();
  },

  async byApp(page) {
    const { email } = given.byApp;
    await arrive(page, given.byApp);
    await open(page, "/profile/security");
    await page.getByRole("button", { name: "Set up an authenticator app" }).click();
    const dialog = page.getByRole("dialog", { name: "Set up an authenticator app" });
    await dialog.locator("svg[role=img] path").waitFor();
    await shoot(page, "profile-app");
    await accessible(page, "profile, setting up an app");
    await dialog.getByLabel("Six digits that the app shows").fill("000000");
    await dialog.getByRole("button", { name: "Turn on" }).click();
    await dialog.getByText("is not the code of this moment").first().waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    const { secret, codes } = await setUpApp(page);
    assert.equal(codes.length, 10);
    await keepCodes(page);

    await signOut(page);
    await password(page, email);
    await heading(page, "Second step");
    const code = field(page, "Code of the app");
    assert.equal(await code.getAttribute("autocomplete"), "one-time-code");
    assert.ok(await code.evaluate((element) => element === document.activeElement), "the code has the focus");
    await accessible(page, "second step with a code");
    await code.fill("000000");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await alert(page, "is wrong, or has been used");
    await settle(page);
    await code.fill(totp(secret, 1));
    await page.keyboard.press("Enter");
    await signedIn(page);

    await signOut(page);
    await password(page, email);
    await page.getByRole("button", { name: "Start over" }).click();
    await heading(page, "Sign in");
  },

  // A real OpenID Provider: there, back to the page that was asked for, out, and there again to give up.
  async byProvider(page) {
    await page.route((address) => !["127.0.0.1", "localhost"].includes(address.hostname), (route) => route.fulfill({ status: 200, body: "" })); // fonts of its forms
    await page.goto("/profile/preferences?x=1");
    await page.getByRole("link", { name: "Sign in with Example login" }).click();
    await page.fill("input[name=login]", "grace");
    await page.fill("input[name=password]", "any");
    await page.click("button[type=submit]");
    await page.click("button[type=submit]"); // consents
    await signedIn(page);
    assert.equal(page.url(), `${base}/profile/preferences?x=1`, "where it began");
    await signOut(page);
    await page.getByRole("link", { name: "Sign in with Example login" }).waitFor();
    await shoot(page, "sign-in-providers");
    await accessible(page, "sign-in with providers");
    await page.context().clearCookies(); // the provider does not know the browser any more
    await page.getByRole("link", { name: "Sign in with Example login" }).click();
    await page.click("a:has-text('Cancel')");
    await alert(page, "cancelled at the provider");
    assert.equal(new URL(page.url()).hash, "", "the address line does not keep it");
    await accessible(page, "sign-in cancelled");
  },

  async byGitHub(page) {
    await page.goto("/");
    await page.getByRole("link", { name: "Sign in with GitHub" }).click();
    await signedIn(page);
    await open(page, "/profile/security");
    await page.locator("#accounts li", { hasText: "GitHub" }).waitFor();
  },

  // The session ends under the hands of somebody who types: they sign in again there, and nothing is lost.
  async sessionEnds(page) {
    const { email, id } = given.sessionEnds;
    await arrive(page, given.sessionEnds);
    await open(page, "/profile/keys");
    await page.getByRole("button", { name: "Make an API key" }).click();
    const making = page.getByRole("dialog", { name: "Make an API key" });
    await making.getByLabel("Name").fill("typed before it ended");
    const ended = await fetch(`${base}/api/users/${id}/sign-out`, { method: "POST", headers: { Authorization: `Bearer ${given.admin}` } });
    assert.equal(ended.status, 204);
    await making.getByRole("button", { name: "Make the key" }).click();
    const again = page.getByRole("dialog", { name: "Your session has ended" });
    await again.waitFor();
    await shoot(page, "session-ended");
    await accessible(page, "session ended");
    assert.equal(await again.getByLabel("Email").inputValue(), email);
    await again.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.keyboard.press("Enter");
    await again.waitFor({ state: "detached" });
    if (await making.isVisible()) assert.equal(await making.getByLabel("Name").inputValue(), "typed before it ended");
    const made = page.getByRole("heading", { name: "Keep the key “typed before it ended”" });
    if (!(await made.isVisible().catch(() => false)) && await making.isVisible()) await making.getByRole("button", { name: "Make the key" }).click();
    await made.waitFor();
  },

  // Whoever takes over a page whose session has ended sees nothing of who was there before.
  async anotherPerson(page) {
    const { id } = given.anotherPerson;
    await arrive(page, given.anotherPerson);
    await open(page, "/profile");
    await fetch(`${base}/api/users/${id}/sign-out`, { method: "POST", headers: { Authorization: `Bearer ${given.admin}` } });
    await page.getByRole("link", { name: "API keys" }).click();
    const again = page.getByRole("dialog", { name: "Your session has ended" });
    await again.getByLabel("Email").fill(given.adminEmail);
    await again.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
    await signedIn(page);
    await page.getByRole("button", { name: given.adminName }).waitFor();
  },

  // By the keyboard alone: no pointer touches the page.
  async byKeyboard(page) {
    const { email } = given.byKeyboard;
    await arrive(page, given.byKeyboard);
    await signOut(page);
    await page.reload();
    await heading(page, "Sign in");
    assert.ok(await field(page, "Email").evaluate((element) => element === document.activeElement), "the first field has the focus");
    await page.keyboard.type(email);
    await page.keyboard.press("Tab");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await signedIn(page);
  },
});
