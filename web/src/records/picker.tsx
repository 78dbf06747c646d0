// SPDX-License-Identifier: Apache-2.0
// Picks a record by its name: finds as one types, on the server.
import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMemo, useState } from "react";
import type { ReactNode } from "react";
import { asProblem } from "../api";
import { useNames, useRecords } from "./api";
import type { Collection } from "./kind";

export interface RecordSelectProps {
  of: Collection;
  label?: string;
  "aria-label"?: string;
  description?: string | undefined;
  placeholder?: string;
  required?: boolean;
  disabled?: boolean;
  clearable?: boolean;
  error?: ReactNode;
  value: string | null;
  onChange: (value: string | null) => void;
  /** Filters of the list. */
  within?: Record<string, string> | undefined;
  size?: "xs" | "sm";
  className?: string | undefined;
}

const SHOWN = 20;

export function RecordSelect({ of, value, onChange, within, error, placeholder, ...rest }: RecordSelectProps) {
  const [typed, setTyped] = useState("");
  const [opened, setOpened] = useState(false);
  const [asked] = useDebouncedValue(typed.trim(), 150);
  const nameOf = useNames({ [of]: [value] });
  const picked = value ? nameOf(value) : "";
  const q = asked === picked ? "" : asked;
  const found = useRecords<{ id: string; name: string }>(of, { limit: SHOWN, fields: ["id", "name"], sort: ["name"], ...(q ? { q } : {}), ...within }, { enabled: opened, live: [] });
  const data = useMemo(() => {
    const rows = (found.data?.items ?? []).map((row) => ({ value: row.id, label: row.name }));
    return value && !rows.some((row) => row.value === value) ? [{ value, label: picked }, ...rows] : rows;
  }, [found.data, value, picked]);
  const nothing = found.error ? asProblem(found.error).message : found.isFetching ? "Looking…" : "Nothing has this name";
  return (
    <Select
      {...rest} {...(placeholder ? { placeholder } : {})} data={data} value={value} onChange={onChange} error={error} searchable searchValue={typed} onSearchChange={setTyped} nothingFoundMessage={nothing}
      filter={({ options }) => options} onDropdownOpen={() => setOpened(true)} onDropdownClose={() => setOpened(false)} maxDropdownHeight={260} clearButtonProps={{ "aria-label": "Clear" }}
    />
  );
}
