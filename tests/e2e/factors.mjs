// SPDX-License-Identifier: Apache-2.0
// What a person has besides a password: an authenticator app, and Chromium's virtual authenticator for passkeys.
import { createHmac } from "node:crypto";

/** RFC 6238; off: how many steps from now. */
export function totp(secret, off = 0) {
  const bits = [...secret.replace(/\s/g, "")].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + off));
  const mac = createHmac("sha1", key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** Not in the last seconds of a step: what follows takes a moment. */
export async function settle(page) {
  const left = 30_000 - (Date.now() % 30_000);
  if (left < 5_000) await page.waitForTimeout(left);
}

export async function authenticator(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", transport: "internal",
    hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
  return { cdp, authenticatorId };
}

export const codesOf = (page) => page.$$eval("[data-new-codes] li code", (all) => all.map((one) => one.textContent));

export async function keepCodes(page) {
  await page.getByRole("button", { name: "I have kept them" }).click();
  await page.waitForSelector("[data-new-codes]", { state: "detached" });
}

/** In the open dialog; gives the secret. */
export async function finishApp(page) {
  const dialog = page.getByRole("dialog", { name: "Set up an authenticator app" });
  await dialog.locator("svg[role=img] path").waitFor();
  const secret = await dialog.locator("[data-secret]").textContent();
  await settle(page);
  await dialog.getByLabel("Six digits that the app shows").fill(totp(secret));
  await dialog.getByRole("button", { name: "Turn on" }).click();
  await page.waitForSelector("[data-new-codes]");
  return secret;
}

/** On the open page of the profile; gives the secret and the recovery codes. */
export async function setUpApp(page) {
  await page.getByRole("button", { name: "Set up an authenticator app" }).click();
  const secret = await finishApp(page);
  return { secret, codes: await codesOf(page) };
}
