// SPDX-License-Identifier: Apache-2.0
// "Forgot password?" under the sign-in form: asks for a letter with a link. The answer is the same whoever has the address.
import { h } from "./dom";

async function ask(email: string): Promise<string> {
  try {
    const response = await fetch("/api/auth/password-reset", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ email }),
    });
    if (response.ok) return "If somebody here has this address, a letter with a link is on its way.";
    const problem = (await response.json()) as { detail?: string };
    return problem.detail ?? `The server answered ${response.status}.`;
  } catch {
    return "The server cannot be reached.";
  }
}

/** Puts the button below a sign-in form that has a field `email`. */
export function addTo(form: HTMLFormElement): void {
  const email = form.querySelector<HTMLInputElement>('input[name="email"]')!;
  const said = h("p", { role: "status" });
  const button = h("button", { type: "button", class: "quiet", "data-reset": true }, "Forgot password?") as HTMLButtonElement;
  button.addEventListener("click", async () => {
    if (!email.value || !email.reportValidity()) {
      said.textContent = "Give your email above first.";
      email.focus();
      return;
    }
    button.disabled = true;
    said.textContent = await ask(email.value);
    button.disabled = false;
  });
  form.append(h("p", { class: "others" }, button), said);
}
