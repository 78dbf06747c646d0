// SPDX-License-Identifier: Apache-2.0
// The line above a list: search, filters, whether deleted ones are shown. All of it is in the address.
import { Select, Switch, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useAddress } from "../app/address";
import { useKeys } from "../app/keys";
import type { Collection, Filter, RecordKind, RowOf } from "./kind";
import { RecordSelect } from "./picker";
import styles from "./records.module.css";

const PAGES = { cursor: null, row: null };

/** A field whose text goes to the address when typing pauses. "/" leads to it. */
export function SearchField({ name = "q", label }: { name?: string; label: string }) {
  const { query, setQuery } = useAddress();
  const inAddress = query.get(name) ?? "";
  const [typed, setTyped] = useState(inAddress);
  const sent = useRef(inAddress);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (inAddress !== sent.current) {
      sent.current = inAddress;
      setTyped(inAddress);
    }
  }, [inAddress]);
  useEffect(() => {
    if (typed === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = typed.trim();
      setQuery({ [name]: typed.trim(), ...PAGES }, { replace: true });
    }, 200);
    return () => clearTimeout(timer);
  }, [typed, name, setQuery]);
  useKeys(name === "q" ? { "/": () => input.current?.focus() } : {}, name === "q" ? [{ keys: "/", does: label }] : []);
  return (
    <TextInput
      ref={input} className={styles.search} type="search" size="sm" aria-label={label} placeholder={label} maxLength={200} leftSection={<IconSearch size={16} aria-hidden="true" />}
      value={typed} onChange={(event) => setTyped(event.currentTarget.value)}
    />
  );
}

export function OptionFilter({ name, label, options }: { name: string; label: string; options: { value: string; label: string }[] }) {
  const { query, setQuery } = useAddress();
  return (
    <Select
      className={styles.filter} aria-label={label} placeholder={label} data={options} value={query.get(name)} clearable clearButtonProps={{ "aria-label": `Clear ${label.toLowerCase()}` }}
      onChange={(value) => setQuery({ [name]: value, ...PAGES })}
    />
  );
}

export function RecordFilter({ name, label, of }: { name: string; label: string; of: Collection }) {
  const { query, setQuery } = useAddress();
  return <RecordSelect className={styles.filter} aria-label={label} placeholder={label} of={of} clearable value={query.get(name)} onChange={(value) => setQuery({ [name]: value, ...PAGES })} />;
}

function OneFilter<T>({ filter }: { filter: Filter<T> }) {
  if ("of" in filter) return <RecordFilter name={filter.name} label={filter.label} of={filter.of} />;
  if ("text" in filter) return <SearchField name={filter.name} label={filter.text} />;
  return <OptionFilter name={filter.name} label={filter.label} options={filter.options} />;
}

export function RecordFilters<P extends Collection>({ kind }: { kind: RecordKind<P> }) {
  const { query, setQuery } = useAddress();
  const filters = (kind.filters ?? []) as Filter<RowOf<P>>[];
  if (!kind.search && filters.length === 0 && !kind.can?.restore) return null;
  return (
    <div className={styles.filters} role="search" aria-label={`Filter ${kind.many}`}>
      {kind.search && <SearchField label={`Find ${kind.many}`} />}
      {filters.map((filter) => <OneFilter key={filter.name} filter={filter} />)}
      {kind.can?.restore && (
        <Switch label="Show deleted" checked={query.get("deleted") !== null} onChange={(event) => setQuery({ deleted: event.currentTarget.checked ? "1" : null, ...PAGES })} />
      )}
    </div>
  );
}
