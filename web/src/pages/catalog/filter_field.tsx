// SPDX-License-Identifier: Apache-2.0
// The text to filter by. What is typed is asked for at most every 150 ms; "/" goes to it, Escape empties it and then leaves it.
import { CloseButton, Kbd, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useKeys } from "../../app/keys";
import styles from "./catalog.module.css";

const WAIT_MS = 150;

export function FilterField({ value, onChange, label }: { value: string; onChange: (value: string) => void; label: string }) {
  const [typed, setTyped] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const sent = useRef(value);
  const change = useRef(onChange);
  change.current = onChange;

  // Taken off by a chip, or another address: not what was typed here.
  useEffect(() => {
    if (value !== sent.current) {
      sent.current = value;
      setTyped(value);
    }
  }, [value]);

  useEffect(() => {
    if (typed === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = typed;
      change.current(typed);
    }, WAIT_MS);
    return () => clearTimeout(timer);
  }, [typed]);

  useKeys({ "/": () => input.current?.focus() }, [{ keys: "/", does: "Filter by text" }]);

  return (
    <TextInput
      ref={input}
      className={styles.field}
      size="xs"
      type="search"
      aria-label={label}
      placeholder="Filter by text"
      aria-keyshortcuts="/"
      value={typed}
      maxLength={200}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        if (typed) setTyped("");
        else input.current?.blur();
      }}
      leftSection={<IconSearch size={16} aria-hidden="true" />}
      rightSection={typed ? <CloseButton size="sm" aria-label="Empty the filter" onClick={() => { setTyped(""); input.current?.focus(); }} /> : <Kbd size="xs" aria-hidden="true">/</Kbd>}
    />
  );
}
