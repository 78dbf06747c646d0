// SPDX-License-Identifier: Apache-2.0
// Filters: a menu for each facet, and what is picked as chips in one line.
import { Button } from "@mantine/core";
import { useState } from "react";
import { FacetMenu, FilterChip } from "../../ui";
import type { Question } from "./conditions";
import { useFacets } from "./queries";
import { shortRef } from "./row";
import { FACETS, facetsOf } from "./state";
import type { CatalogAddress, Facet } from "./state";
import styles from "./catalog.module.css";

export function valueLabel(facet: { isRef: boolean; label: string }, value: string): string {
  if (value === "") return `No ${facet.label.toLowerCase().replace(/s$/, "")}`;
  return facet.isRef ? shortRef(value) : value;
}

/** Its values are counted among what all other filters let through, when it is opened. */
function FacetButton({ facet, question, address }: { facet: Facet; question: Question | undefined; address: CatalogAddress }) {
  const [asked, setAsked] = useState(false);
  const others = question && { ...question, all: question.all.filter((one) => one.facet !== facet.id) };
  const { data, error, isFetching } = useFacets([facet.key], others, address.state.kind, asked);
  const picked = address.state.picked[facet.id] ?? [];
  const found = data?.facets[facet.key];
  const values = found?.map(({ value, count }) => ({ value, count, label: valueLabel(facet, value) })).sort((a, b) => b.count - a.count || a.label.localeCompare(b.label));
  // What is picked and no longer there can still be taken off.
  const missing = picked.filter((value) => !found?.some((one) => one.value.toLowerCase() === value.toLowerCase()));
  return (
    <FacetMenu
      label={facet.label}
      values={values && [...missing.map((value) => ({ value, count: 0, label: valueLabel(facet, value) })), ...values]}
      loading={isFetching && !found}
      error={error}
      picked={picked}
      onPick={(next) => address.setPicked(facet.id, next)}
      onOpen={() => setAsked(true)}
    />
  );
}

export function FacetButtons({ question, address }: { question: Question | undefined; address: CatalogAddress }) {
  return <>{facetsOf(address.state.kind).map((facet) => <FacetButton key={facet.id} facet={facet} question={question} address={address} />)}</>;
}

/** All filters that are on; each can be taken off. */
export function FilterLine({ address, chipsOnly = false }: { address: CatalogAddress; chipsOnly?: boolean }) {
  const { state, filters, setPicked, clear } = address;
  if (filters === 0) return null;
  const chips = FACETS.flatMap((facet) => (state.picked[facet.id] ?? []).map((value) => ({ facet, value })));
  if (chips.length === 0 && !state.q) return null;
  return (
    <div className={styles.chips} role="group" aria-label="Filters that are on">
      {chips.map(({ facet, value }) => (
        <FilterChip
          key={`${facet.id} ${value}`}
          label={facet.label}
          value={valueLabel(facet, value)}
          remove={() => setPicked(facet.id, (state.picked[facet.id] ?? []).filter((one) => one !== value))}
        />
      ))}
      {state.q && <FilterChip label="Text" value={state.q} remove={() => address.setText("")} />}
      {!chipsOnly && chips.length + (state.q ? 1 : 0) > 1 && <Button variant="subtle" size="compact-sm" onClick={clear}>Clear all</Button>}
    </div>
  );
}
