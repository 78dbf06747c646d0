// SPDX-License-Identifier: Apache-2.0
// Groups of more entities than one page holds: the groups with their counts, one of them open at a time with its pages.
import { Button } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import type { ReactNode } from "react";
import { Loaded, formatNumber } from "../../ui";
import type { Question } from "./conditions";
import { valueLabel } from "./facets";
import { useEntities, useFacets } from "./queries";
import type { CatalogAddress, Group } from "./state";
import styles from "./catalog.module.css";

const SHOWN = 100;

export function withGroup(question: Question, group: Group, value: string): Question {
  return { ...question, all: [...question.all, { key: group.key, values: [value] }] };
}

export function GroupList({ question, group, address, children }: { question: Question; group: Group; address: CatalogAddress; children: ReactNode }) {
  const { state, setOpen } = address;
  const facets = useFacets([group.key], question, state.kind);
  const none = useEntities(group.id === "kind" ? undefined : withGroup(question, group, ""), { kind: state.kind, sort: state.sort, cursor: "", limit: 1 });
  const [shown, setShown] = useState(SHOWN);
  const found = facets.data?.facets[group.key];
  const groups = useMemo(() => {
    const sorted = (found ?? []).map(({ value, count }) => ({ value, count })).sort((a, b) => b.count - a.count || a.value.localeCompare(b.value));
    const without = none.data?.totalItems ?? 0;
    return without > 0 ? [...sorted, { value: "", count: without }] : sorted;
  }, [found, none.data]);
  const isOpen = (value: string) => state.open !== undefined && state.open.toLowerCase() === value.toLowerCase();
  // One that a link opened may stand far down.
  const visible = groups.filter(({ value }, i) => i < shown || isOpen(value));
  return (
    <Loaded query={facets}>
      {() => (
        <div className={styles.groups}>
          {visible.map(({ value, count }) => (
            <section key={value} aria-label={valueLabel(group, value)}>
              <h2 className={styles.groupHead}>
                <button type="button" aria-expanded={isOpen(value)} onClick={() => setOpen(isOpen(value) ? null : value)}>
                  {isOpen(value) ? <IconChevronDown size={16} aria-hidden="true" /> : <IconChevronRight size={16} aria-hidden="true" />}
                  <span className={styles.clip} dir="auto">{valueLabel(group, value)}</span>
                  <span className={styles.count}>{formatNumber(count)}</span>
                </button>
              </h2>
              {isOpen(value) && children}
            </section>
          ))}
          {groups.length > visible.length && <Button variant="subtle" onClick={() => setShown(shown + SHOWN)}>Show {formatNumber(Math.min(SHOWN, groups.length - visible.length))} more of {formatNumber(groups.length)} groups</Button>}
        </div>
      )}
    </Loaded>
  );
}
