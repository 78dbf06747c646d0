// SPDX-License-Identifier: Apache-2.0
// A new installation that requires a second factor of everybody: from the printed link to the portal. ONE link, one scenario.
import { PASSWORD, accessible, given, heading, playAll, shoot, signedIn } from "./harness.mjs";
import { finishApp, keepCodes } from "./factors.mjs";

await playAll({
  async first(page) {
    await page.goto("/");
    await heading(page, "Sign in");
    await page.getByText("No account yet?").click();
    await page.getByText("was printed where the server was started").waitFor();
    await shoot(page, "sign-in-help");
    await accessible(page, "sign-in, help");
    await page.goto(`/#one-time=${given.token}`);
    await heading(page, "Set your password");
    await page.getByLabel("New password", { exact: true }).fill(PASSWORD);
    const more = page.getByRole("button", { name: /^New here\?/ });
    if (await more.isVisible()) await more.click();
    await page.getByLabel("Your email").fill("ada@example.org");
    await page.getByLabel("Your name").fill("Ada Lovelace");
    await page.getByRole("button", { name: "Set it and sign in" }).click();
    await heading(page, "Set up a second factor to go on");
    await shoot(page, "second-factor-required");
    await accessible(page, "a second factor is required");
    await page.goto("/profile/sessions"); // no way around
    await heading(page, "Set up a second factor to go on");
    await page.getByRole("button", { name: "Set up an authenticator app" }).click();
    await finishApp(page);
    await keepCodes(page);
    await signedIn(page);
    await heading(page, "Profile");
    await page.getByRole("button", { name: "Ada Lovelace: account" }).waitFor();
  },
});
