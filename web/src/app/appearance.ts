// SPDX-License-Identifier: Apache-2.0
// The theme: the system's, light, dark, or high contrast. theme.ts sets the kept one before the first paint.
import { useSyncExternalStore } from "react";

export const APPEARANCES = ["system", "light", "dark", "contrast"] as const;
export type Appearance = (typeof APPEARANCES)[number];
export const APPEARANCE_NAMES: Record<Appearance, string> = { system: "As the system", light: "Light", dark: "Dark", contrast: "High contrast" };

const watchers = new Set<() => void>();

function kept(): Appearance {
  try {
    const found = localStorage.getItem("theme") as Appearance;
    return APPEARANCES.includes(found) ? found : "system";
  } catch {
    return "system";
  }
}

let appearance: Appearance = kept();
const dark = matchMedia("(prefers-color-scheme: dark)");
const more = matchMedia("(prefers-contrast: more)");

export function scheme(): "light" | "dark" {
  return document.documentElement.dataset["mantineColorScheme"] === "dark" ? "dark" : "light";
}

function apply(): void {
  const root = document.documentElement;
  const contrast = appearance === "contrast" || (appearance === "system" && more.matches);
  const isDark = !contrast && (appearance === "dark" || (appearance === "system" && dark.matches));
  root.dataset["mantineColorScheme"] = isDark ? "dark" : "light";
  if (contrast) root.dataset["contrast"] = "high";
  else delete root.dataset["contrast"];
  for (const watcher of watchers) watcher();
}

dark.addEventListener("change", apply);
more.addEventListener("change", apply);

export function setAppearance(next: Appearance): void {
  appearance = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // storage is off: it holds until the page is left
  }
  apply();
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function useAppearance(): Appearance {
  return useSyncExternalStore(watch, () => appearance);
}

/** What plots and editors, which draw by themselves, look up. */
export function useScheme(): "light" | "dark" {
  return useSyncExternalStore(watch, scheme);
}
