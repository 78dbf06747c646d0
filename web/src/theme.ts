// SPDX-License-Identifier: Apache-2.0
// Loaded before the first paint, so that a chosen theme does not flash. app/appearance.ts changes it later.
{
  const root = document.documentElement;
  let chosen = "system";
  try {
    chosen = localStorage.getItem("theme") ?? "system";
  } catch {
    // storage is off: the system's theme it is
  }
  const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const contrast = chosen === "contrast" || (chosen === "system" && matchMedia("(prefers-contrast: more)").matches);
  root.dataset["mantineColorScheme"] = contrast ? "light" : dark ? "dark" : "light";
  if (contrast) root.dataset["contrast"] = "high";
  root.dataset["script"] = "on";
}
