// SPDX-License-Identifier: Apache-2.0
// Running the place. GIVEN: {email}, an administrator with a password, and {reader}, somebody with the role viewer of the organization.
import assert from "node:assert/strict";
import { accessible, base, given, heading, open, playAll, shoot, signIn } from "./harness.mjs";

const ORGANIZATION = "00000000-0000-7000-8000-000000000001";
const dialog = (page) => page.getByRole("dialog");
const pick = async (page, where, label, option, typed) => {
  const field = where.getByRole("combobox", { name: label });
  if (typed) await field.fill(typed);
  else await field.click();
  await page.getByRole("option", { name: option, exact: true }).click();
};

async function enter(page, path) {
  await signIn(page, given.email);
  await open(page, path);
}

/** The API behind the page's back. */
async function api(page, method, path, data) {
  const request = page.context().request;
  const { csrf_token: token } = await (await request.get("/api/auth/me")).json();
  const headers = { Origin: base, "X-CSRF-Token": token, ...(method === "PATCH" ? { "Content-Type": "application/merge-patch+json" } : {}) };
  const answer = await request.fetch(`/api${path}`, { method, headers, ...(data ? { data: method === "PATCH" ? JSON.stringify(data) : data } : {}) });
  assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`);
  return answer.status() === 204 ? null : answer.json();
}

const team = (page, name, slug) => api(page, "POST", "/teams", { org_id: ORGANIZATION, name, slug });

await playAll({
  async create(page) {
    await enter(page, "/admin/teams?new=1");
    await pick(page, dialog(page), "Organization", "Default");
    await dialog(page).getByLabel("Name").fill("Harbour");
    await dialog(page).getByLabel("Slug").fill("Not A Slug");
    await dialog(page).getByRole("button", { name: "Create the team" }).click();
    await dialog(page).getByText(/must be 1 to 63 lower-case/i).waitFor();
    await accessible(page, "new team");
    await dialog(page).getByLabel("Slug").fill("harbour");
    await dialog(page).getByRole("button", { name: "Create the team" }).click();
    await heading(page, "Harbour");
  },

  async conflict(page) {
    await signIn(page, given.email);
    const { id } = await team(page, "Quay", "quay");
    await open(page, `/admin/teams/${id}?edit=${id}`);
    await dialog(page).getByLabel("Description").fill("what I typed");
    await api(page, "PATCH", `/teams/${id}`, { name: "Their quay" });
    await dialog(page).getByRole("button", { name: "Save" }).click();
    await dialog(page).getByText("Somebody changed this team meanwhile").waitFor();
    await dialog(page).getByText("Their quay").waitFor();
    assert.equal(await dialog(page).getByLabel("Description").inputValue(), "what I typed");
    await shoot(page, "admin-conflict");
    await dialog(page).getByRole("button", { name: "Save" }).click();
    await dialog(page).waitFor({ state: "hidden" });
    const now = await api(page, "GET", `/teams/${id}`);
    assert.deepEqual([now.name, now.description], ["Their quay", "what I typed"]);
    await open(page, `/admin/teams/${id}?tab=history`);
    await page.getByText("Changed the team").first().waitFor();
    await accessible(page, "history");
  },

  async deletedAndRestored(page) {
    await signIn(page, given.email);
    const { id } = await team(page, "Sunk", "sunk");
    await open(page, `/admin/teams/${id}`);
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Delete the team" }).click();
    await dialog(page).getByRole("button", { name: "Delete the team" }).click();
    await page.waitForURL(/\/admin\/teams$/);
    await open(page, "/admin/teams?deleted=1&q=Sunk");
    await page.getByRole("button", { name: "Restore" }).click();
    await page.getByRole("button", { name: "Restore" }).waitFor({ state: "hidden" });
    assert.equal((await api(page, "GET", `/teams/${id}`)).deleted_at ?? null, null);
  },

  async manyDeleted(page) {
    await signIn(page, given.email);
    for (const n of ["one", "two"]) await team(page, `Flotsam ${n}`, `flotsam-${n}`);
    await open(page, "/admin/teams?q=Flotsam");
    await page.getByRole("checkbox", { name: /^Select all/ }).check();
    await page.getByRole("toolbar", { name: "Selected" }).getByRole("button", { name: "Delete" }).click();
    await dialog(page).getByRole("button", { name: "Delete 2 teams" }).click();
    await page.getByText("No teams fit").waitFor();
  },

  async roleAndWhy(page) {
    await enter(page, "/admin/roles?new=1");
    await dialog(page).getByLabel("Name").fill("harbour-master");
    await dialog(page).getByRole("checkbox", { name: "team: read", exact: true }).check();
    await dialog(page).getByRole("checkbox", { name: "service: all actions" }).check();
    assert.ok(await dialog(page).getByRole("checkbox", { name: "service: update, given by Service:*" }).isChecked());
    await dialog(page).getByRole("button", { name: "Create the role" }).click();
    await heading(page, "harbour-master");
    await accessible(page, "role");
    await open(page, "/admin/access?tab=explain");
    await pick(page, page, "Who", "Person");
    await pick(page, page, "Which one", given.reader.name, given.reader.name);
    await pick(page, page, "what", "Webhook", "Webhook");
    await pick(page, page, "wants to", "create");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByText("Not allowed").waitFor();
    await page.getByText("It would be allowed by").waitFor();
    await accessible(page, "explain");
  },

  async shownOnce(page) {
    await enter(page, "/admin/webhooks?new=1");
    await dialog(page).getByLabel("Name").fill("Lighthouse");
    await dialog(page).getByLabel("URL").fill("https://hooks.example.org/fairway");
    await dialog(page).getByRole("button", { name: "Create the webhook" }).click();
    await page.getByText(/^whsec_/).waitFor();
    await page.getByRole("button", { name: "I have kept it" }).click();
    await page.getByRole("link", { name: "Lighthouse" }).click();
    await page.getByRole("button", { name: "Send a test event" }).click();
    await dialog(page).getByText("webhooks.test").first().waitFor();
  },

  async audit(page) {
    await enter(page, "/admin/audit");
    await page.getByRole("button", { name: "Verify the trail" }).click();
    await page.getByText("The trail is intact").waitFor();
    await accessible(page, "audit");
    await page.locator("tbody a").first().click();
    await dialog(page).getByText("Before and after").waitFor();
    await accessible(page, "entry of the trail");
  },

  async events(page) {
    await enter(page, "/admin/events?types=organizations.*");
    await page.getByText("Live", { exact: true }).first().waitFor();
    const made = await api(page, "POST", "/organizations", { name: "Tide", slug: "tide" });
    await page.getByText(made.id.slice(-8)).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await api(page, "PATCH", `/organizations/${made.id}`, { name: "Ebb" });
    await page.getByRole("button", { name: "Go on with 1 new" }).click();
    await page.getByRole("link", { name: "organizations.updated" }).first().click();
    await dialog(page).getByText("specversion").first().waitFor();
  },

  async denied(page) {
    await signIn(page, given.reader.email);
    await open(page, "/admin/webhooks");
    await page.getByText("You need the permission").waitFor();
    await page.getByText("Webhook:read").waitFor();
    await accessible(page, "denied");
  },
});
