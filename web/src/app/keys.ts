// SPDX-License-Identifier: Apache-2.0
// Keys that work everywhere: Ctrl+K or "/" for the palette, "?" for help, "g" and a letter to jump. Pages add their own with useKeys.
import { useEffect, useRef } from "react";

/** Whether somebody is typing, so that letters are theirs; or a dialog is open. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return !!target?.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], [role=dialog], [role=menu], [role=listbox]");
}

export interface KeyHelp {
  keys: string;
  does: string;
}

const shown = new Map<symbol, KeyHelp[]>();
export function shownKeys(): KeyHelp[] {
  return [...shown.values()].flat();
}

/** Binds single keys while the component is there; `help` says what they do in the list that `?` shows. */
export function useKeys(keys: Record<string, (event: KeyboardEvent) => void>, help: KeyHelp[] = []): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const id = Symbol();
    shown.set(id, help);
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      const does = current.current[event.key];
      if (does) {
        event.preventDefault();
        does(event);
      }
    };
    document.addEventListener("keydown", listen);
    return () => {
      shown.delete(id);
      document.removeEventListener("keydown", listen);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
}
