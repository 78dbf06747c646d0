// SPDX-License-Identifier: Apache-2.0
// Who, what, when, on what: the filters of the audit trail.
import { Button, Select, TextInput } from "@mantine/core";
import { useAddress } from "../../app/address";
import { RecordSelect, SearchField, instant, localTime } from "../../records";
import { FilterChip } from "../../ui";
import { usePermissionsThereAre } from "../admin-roles/contract";
import styles from "./audit.module.css";
import { FILTERS, instantOf } from "./query";

const SPANS = [{ value: "1h", label: "The last hour" }, { value: "24h", label: "The last day" }, { value: "7d", label: "The last 7 days" }, { value: "30d", label: "The last 30 days" }, { value: "between", label: "Between…" }];
const CHIPS: Partial<Record<(typeof FILTERS)[number], string>> = { resource_id: "Thing", request_id: "Request" };
const NONE = { cursor: null, row: null };

function When() {
  const { query, setQuery } = useAddress();
  const from = query.get("from");
  const to = query.get("to");
  const span = SPANS.some(({ value }) => value === from) ? from : from !== null || to !== null ? "between" : null;
  const choose = (value: string | null) => setQuery({ from: value === "between" ? instantOf("24h") : value, to: null, ...NONE });
  const end = (name: string, value: string) => (
    <TextInput type="datetime-local" size="sm" aria-label={name === "from" ? "From" : "To"} value={localTime(value)} onChange={(event) => setQuery({ [name]: instant(event.currentTarget.value) ?? null, ...NONE }, { replace: true })} />
  );
  return (
    <>
      <Select className={styles.filter} aria-label="When" placeholder="When" data={SPANS} value={span} onChange={choose} clearable clearButtonProps={{ "aria-label": "Clear when" }} />
      {span === "between" && <>{end("from", from ?? "")}<span className="fw-faint">to</span>{end("to", to ?? "")}</>}
    </>
  );
}

export function AuditFilters() {
  const { query, setQuery } = useAddress();
  const { resources } = usePermissionsThereAre();
  const type = query.get("resource_type");
  const types = [...new Set([...resources.keys(), ...(type ? [type] : [])])];
  const isFiltered = FILTERS.some((name) => query.get(name) !== null);
  const actor = query.get("actor");
  const isPerson = actor === null || /^[0-9a-f-]{36}$/.test(actor);
  return (
    <div className={styles.filters} role="search" aria-label="Filter the audit trail">
      {isPerson
        ? <RecordSelect className={styles.filter} aria-label="Who" placeholder="Who" of="/api/users" clearable value={actor} onChange={(value) => setQuery({ actor: value, ...NONE })} />
        : <FilterChip label="Who" value={actor} remove={() => setQuery({ actor: null, ...NONE })} />}
      <SearchField name="action" label="Action: teams.updated, teams.*" />
      <Select className={styles.filter} aria-label="Of which type" placeholder="Of which type" data={types} value={type} searchable clearable clearButtonProps={{ "aria-label": "Clear the type" }} onChange={(value) => setQuery({ resource_type: value, ...NONE })} />
      <When />
      {FILTERS.map((name) => {
        const value = query.get(name);
        return CHIPS[name] && value ? <FilterChip key={name} label={CHIPS[name]} value={value} remove={() => setQuery({ [name]: null, ...NONE })} /> : null;
      })}
      {isFiltered && <Button variant="subtle" size="xs" onClick={() => setQuery({ ...Object.fromEntries(FILTERS.map((name) => [name, null])), ...NONE })}>Clear</Button>}
    </div>
  );
}
