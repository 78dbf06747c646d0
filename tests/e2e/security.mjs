// SPDX-License-Identifier: Apache-2.0
// Second factors in the browser: passkeys by Chromium's virtual authenticator, codes computed here. ONE_TIME is the
// token of the server's first link; the URL has the name localhost, where browsers allow passkeys without TLS.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

const EMAIL = "ada@example.org";
const PASSWORD = "violet bus over the hill";

/** RFC 6238; off: how many steps from now. */
function totp(secret, off = 0) {
  const bits = [...secret.replace(/\s/g, "")].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + off));
  const mac = createHmac("sha1", key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** Not in the last seconds of a step: what follows takes a moment. */
async function settle(page) {
  const left = 30_000 - (Date.now() % 30_000);
  if (left < 5_000) await page.waitForTimeout(left);
}

export function security({ url, shoot, accessible }) {
  async function firstAdmin(page) {
    await page.goto(`${url}/#one-time=${process.env.ONE_TIME}`);
    await page.fill("input[name=password]", PASSWORD);
    await page.fill("input[name=email]", EMAIL);
    await page.click("main button[type=submit]");
    await page.waitForSelector("text=Sign out");
  }

  async function signOut(page) {
    await page.click("text=Sign out");
    await page.waitForSelector("h1:has-text('Sign in')");
  }

  async function password(page) {
    await page.fill("input[name=email]", EMAIL);
    await page.fill("input[name=password]", PASSWORD);
    await page.click("main button[type=submit]");
    await page.waitForSelector("h1:has-text('Second step')");
  }

  async function openSecurity(page) {
    await page.click("header a:has-text('Security')");
    await page.waitForSelector("#passkeys:not([aria-busy])");
  }

  async function authenticator(page) {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", transport: "internal",
      hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
    return { cdp, authenticatorId };
  }

  /** Sets codes up on the open view; gives the secret and the recovery codes. */
  async function setUpApp(page) {
    await page.click("#totp button:has-text('Set up')");
    await page.waitForSelector("dialog .qr");
    const secret = await page.textContent("dialog .secret");
    await settle(page);
    await page.fill("dialog input[name=code]", totp(secret));
    await page.click("dialog button[type=submit]");
    await page.waitForSelector(".new-codes");
    return { secret, codes: await page.$$eval(".codes code", (all) => all.map((one) => one.textContent)) };
  }

  return {
    async passkey(page) {
      await firstAdmin(page);
      await openSecurity(page);
      await shoot(page, "security-none");
      await accessible(page, "security, nothing set up");
      const { cdp, authenticatorId } = await authenticator(page);
      await page.click("#passkeys button:has-text('Add a passkey')");
      await page.waitForSelector(".new-codes");
      assert.equal(await page.evaluate(() => document.activeElement.classList.contains("new-codes")), true, "the codes have the focus");
      const codes = await page.$$eval(".codes code", (all) => all.map((one) => one.textContent));
      assert.equal(new Set(codes).size, 10);
      await shoot(page, "security-codes");
      await accessible(page, "security, new codes");
      const waiting = page.waitForEvent("download");
      await page.click("text=Download");
      const saved = readFileSync(await (await waiting).path(), "utf8");
      assert.ok(codes.every((code) => saved.includes(code)));
      await page.click("text=I have kept them");
      await page.waitForSelector(".new-codes", { state: "detached" });
      await page.click("#passkeys button:has-text('Rename')");
      await page.fill("dialog input[name=name]", "Ada's laptop");
      await page.keyboard.press("Enter");
      await page.waitForSelector("#passkeys strong:has-text(\"Ada's laptop\")");
      const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
      assert.deepEqual(credentials.map((c) => [c.rpId, c.isResidentCredential]), [["localhost", true]]);
      await shoot(page, "security-passkey");

      await signOut(page);
      await shoot(page, "signin-passkey");
      await accessible(page, "sign-in with passkey");
      await page.click("text=Sign in with a passkey");
      await page.waitForSelector("text=Sign out");

      await signOut(page);
      await password(page);
      await shoot(page, "second-step-passkey");
      await accessible(page, "second step with passkey");
      await page.click("text=Use a passkey");
      await page.waitForSelector("text=Sign out");

      await signOut(page);
      await password(page);
      await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
      await page.click("text=Use a recovery code");
      await page.waitForSelector("label:has-text('Recovery code')");
      await shoot(page, "second-step-recovery");
      await page.fill("input[name=code]", codes[0].toLowerCase());
      await page.click("main button[type=submit]");
      await page.waitForSelector("text=Sign out");
      await openSecurity(page);
      assert.match(await page.textContent("#recovery"), /9 of 10 left/);

      await page.click("#passkeys button:has-text('Remove')");
      await shoot(page, "security-remove");
      await accessible(page, "security, a question");
      await page.keyboard.press("Escape");
      assert.equal(await page.$$eval("#passkeys li", (all) => all.length), 1, "Escape removes nothing");
      await page.click("#passkeys button:has-text('Remove')");
      await page.click("dialog button:has-text('Remove')");
      await page.waitForSelector("#passkeys li", { state: "detached" });
      assert.equal(await page.$("#recovery"), null, "recovery codes went with the last factor");
    },

    async totp(page) {
      await firstAdmin(page);
      await openSecurity(page);
      await page.click("#totp button:has-text('Set up')");
      await page.waitForSelector("dialog .qr path");
      await shoot(page, "security-app");
      await accessible(page, "security, setting up an app");
      await page.fill("dialog input[name=code]", "000000");
      await page.click("dialog button[type=submit]");
      await page.waitForSelector("dialog [role=alert]:has-text('is not the code of this moment')");
      await page.click("dialog button:has-text('Cancel')");
      const { secret, codes } = await setUpApp(page);
      assert.equal(codes.length, 10);
      assert.match(await page.textContent("#totp"), /On/);

      await signOut(page);
      await password(page);
      assert.equal(await page.getAttribute("input[name=code]", "autocomplete"), "one-time-code");
      assert.equal(await page.evaluate(() => document.activeElement.name), "code");
      await shoot(page, "second-step-code");
      await accessible(page, "second step with a code");
      await page.fill("input[name=code]", "000000");
      await page.click("main button[type=submit]");
      await page.waitForSelector("[role=alert]:has-text('is wrong, or has been used')");
      await settle(page);
      await page.fill("input[name=code]", totp(secret, 1));
      await page.keyboard.press("Enter");
      await page.waitForSelector("text=Sign out");

      await openSecurity(page);
      await page.route("**/api/auth/second-factors", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), confirmed_until: "2026-01-01T00:00:00.000Z" } });
      });
      await page.reload();
      await page.waitForSelector("#totp button:has-text('Remove')");
      await page.click("#recovery button:has-text('Make new codes')");
      await page.click("dialog button[type=submit]");
      await page.waitForSelector("dialog:has-text('Show that it is you')");
      await shoot(page, "security-confirm");
      await accessible(page, "security, who one is");
      await page.fill("dialog input[name=code]", codes[3]);
      await page.keyboard.press("Enter");
      await page.waitForSelector(".new-codes");
      const renewed = await page.$$eval(".codes code", (all) => all.map((one) => one.textContent));
      assert.equal(renewed.length, 10);
      assert.ok(!codes.some((code) => renewed.includes(code)));
    },

    // With a real OpenID Provider: an account of it is linked, unlinked, and not linked.
    async linking(page) {
      await page.route((address) => !["127.0.0.1", "localhost"].includes(address.hostname), (route) => route.fulfill({ status: 200, body: "" }));
      await firstAdmin(page);
      await openSecurity(page);
      await authenticator(page);
      await page.click("#providers button:has-text('Link Example login')");
      await page.fill("input[name=login]", "grace");
      await page.fill("input[name=password]", "any");
      await page.click("button[type=submit]");
      await page.click("button[type=submit]"); // consents
      await page.waitForSelector("#providers li");
      assert.equal(page.url(), `${url}/security`, "where it began");
      assert.match(await page.textContent("#providers li"), /^Example login.*grace@example\.org · linked .* · used /);
      assert.equal(await page.isVisible("#providers button:has-text('Link Example')"), false, "it is linked already");
      await accessible(page, "security, an account linked");

      await setUpApp(page);
      await page.click("text=I have kept them");
      await page.waitForSelector(".new-codes", { state: "detached" });
      await page.click("#passkeys button:has-text('Add a passkey')");
      await page.waitForSelector("#passkeys li");
      await shoot(page, "security-everything");

      await signOut(page);
      await page.waitForSelector("a:has-text('Sign in with Example login')");
      await shoot(page, "signin-everything");
      await accessible(page, "sign-in with everything");
      await password(page);
      await shoot(page, "second-step-everything");
      await accessible(page, "second step with everything");
      await page.click("text=Start over");
      await page.click("a:has-text('Sign in with Example login')"); // nothing more is asked for
      await page.waitForSelector("text=Sign out");

      await openSecurity(page);
      await page.click("#providers button:has-text('Unlink')");
      await page.waitForSelector("dialog:has-text('Unlink grace@example.org at Example login?')");
      await shoot(page, "security-unlink");
      await accessible(page, "security, unlinking");
      await page.keyboard.press("Escape");
      assert.equal(await page.$$eval("#providers li", (all) => all.length), 1, "Escape unlinks nothing");
      await page.click("#providers button:has-text('Unlink')");
      await page.click("dialog button:has-text('Unlink')");
      await page.waitForSelector("#providers button:has-text('Link Example login')");
      assert.equal(await page.isVisible("#providers li"), false);

      await page.context().clearCookies({ domain: "127.0.0.1" }); // the provider does not know the browser any more
      await page.click("#providers button:has-text('Link Example login')");
      await page.click("a:has-text('Cancel')");
      await page.waitForSelector("#providers [role=alert]:has-text('cancelled at the provider')");
      assert.equal(page.url(), `${url}/security`, "the address line does not keep the word");
      await shoot(page, "security-link-failed");
      await accessible(page, "security, linking failed");
      await page.reload();
      await page.waitForSelector("#providers");
      assert.equal(await page.isVisible("#providers [role=alert]:has-text('cancelled')"), false, "it is told once");
    },

    // Some time after signing in: it is asked first who it is, and the provider's sign-in says it, too.
    async linkingLater(page) {
      await page.route((address) => !["127.0.0.1", "localhost"].includes(address.hostname), (route) => route.fulfill({ status: 200, body: "" }));
      await firstAdmin(page);
      await page.route("**/api/auth/second-factors", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), confirmed_until: "2026-01-01T00:00:00.000Z" } });
      });
      await openSecurity(page);
      await page.click("#providers button:has-text('Link Example login')");
      await page.waitForSelector("dialog:has-text('Show that it is you')");
      assert.equal(await page.isVisible("dialog a"), false, "nothing is linked yet");
      await page.fill("dialog input[name=password]", PASSWORD);
      await page.keyboard.press("Enter");
      await page.fill("input[name=login]", "grace");
      await page.fill("input[name=password]", "any");
      await page.click("button[type=submit]");
      await page.click("button[type=submit]");
      await page.waitForSelector("#providers li");
      await page.click("#providers button:has-text('Unlink')");
      await page.click("dialog button:has-text('Unlink')");
      await page.waitForSelector("dialog a:has-text('Sign in with Example login again')");
      await shoot(page, "security-confirm-provider");
      await accessible(page, "security, who one is, by a provider");
      await page.unroute("**/api/auth/second-factors");
      await page.click("dialog a:has-text('Sign in with Example login again')");
      await page.waitForFunction(() => !document.querySelector("dialog") && document.querySelector("#providers li"));
      assert.equal(page.url(), `${url}/security`);
      await page.click("#providers button:has-text('Unlink')");
      await page.click("dialog button:has-text('Unlink')");
      await page.waitForSelector("#providers button:has-text('Link Example login')");
    },

    // On a server that requires a second factor.
    async required(page) {
      await firstAdmin(page);
      await page.waitForSelector("text=Set up a second factor to go on");
      assert.equal(new URL(page.url()).pathname, "/security");
      await page.waitForSelector("#totp button:has-text('Set up')");
      await shoot(page, "security-required");
      await accessible(page, "security, required");
      await setUpApp(page);
      await page.click("text=I have kept them");
      await page.waitForSelector("#sessions");
      await page.click("header nav a:has-text('Catalog')");
      await page.waitForSelector("td.name a:has-text('Administrator')"); // people are entities
    },
  };
}
