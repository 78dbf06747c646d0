// SPDX-License-Identifier: Apache-2.0
// How fast the catalog is for who looks at it, in headless Chromium with a processor slowed down four times.
//   node vitals.mjs URL PACKAGES      GIVEN: {email} with a password, or nothing where nobody is asked
// Prints one JSON object: milliseconds, CLS without unit, bytes of script as they come over the wire.
import { given, launch, newPage, ready, signIn } from "./harness.mjs";

const SLOWER = 4;
const OBSERVE = () => {
  window.seen = { lcp: 0, cls: 0, inp: 0 };
  new PerformanceObserver((list) => { for (const one of list.getEntries()) window.seen.lcp = one.startTime; }).observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput) window.seen.cls += one.value; }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => { for (const one of list.getEntries()) if (one.interactionId) window.seen.inp = Math.max(window.seen.inp, one.duration); }).observe({ type: "event", buffered: true, durationThreshold: 16 });
};

async function slowed(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  await cdp.send("Network.enable");
  let bytes = 0;
  const scripts = new Set();
  cdp.on("Network.responseReceived", ({ requestId, type }) => type === "Script" && scripts.add(requestId));
  cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => { if (scripts.has(requestId)) bytes += encodedDataLength; });
  return () => bytes;
}

async function load(page, path) {
  await page.goto(path);
  await ready(page);
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length > 20);
  await page.waitForTimeout(500);
  return page.evaluate(() => window.seen);
}

/** The longest from an interaction to the paint that follows it. */
async function interaction(page, act) {
  await page.evaluate(() => { window.seen.inp = 0; });
  await act();
  await page.waitForTimeout(800);
  return Math.round(await page.evaluate(() => window.seen.inp));
}

const browser = await launch();
try {
  const page = await newPage(browser);
  if (given.email) await signIn(page, given.email);
  await page.addInitScript(OBSERVE);
  const bytes = await slowed(page);
  const cold = await load(page, "/catalog");
  const scriptBytes = bytes();
  const warm = await load(page, "/catalog");
  const typing = await interaction(page, async () => {
    await page.keyboard.press("/");
    await page.keyboard.type("service-1", { delay: 60 });
  });
  await load(page, "/catalog");
  const facet = await interaction(page, () => page.getByRole("button", { name: /^Type/ }).first().click());
  await page.keyboard.press("Escape");
  const palette = await interaction(page, () => page.keyboard.press("Control+k"));
  const row = (value) => Math.round(value);
  console.log(JSON.stringify({
    lcp_cold_ms: row(cold.lcp), lcp_warm_ms: row(warm.lcp), cls: Number(Math.max(cold.cls, warm.cls).toFixed(4)),
    inp_typing_ms: typing, inp_facet_ms: facet, inp_palette_ms: palette, script_bytes: scriptBytes, cpu_slowdown: SLOWER,
  }));
} finally {
  await browser.close();
}
