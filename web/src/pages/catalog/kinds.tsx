// SPDX-License-Identifier: Apache-2.0
// The switch between kinds, with how many there are of each.
import { Button, Popover } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { KindIcon, ProblemView, formatNumber } from "../../ui";
import { useFacets } from "./queries";
import { EVERY_KIND } from "./state";
import styles from "./catalog.module.css";

const COMMON = ["component", "api", "resource", "system", "domain", "group", "user", "template", "location"];

const PLURALS: Record<string, string> = {
  component: "Components", api: "APIs", resource: "Resources", system: "Systems", domain: "Domains", group: "Groups", user: "Users", template: "Templates",
  location: "Locations", [EVERY_KIND]: "Everything",
};

/** The name beside it says the kind already. */
function Icon({ kind }: { kind: string }) {
  return <span aria-hidden="true"><KindIcon kind={kind === EVERY_KIND ? "entity" : kind} /></span>;
}

export interface KindCount {
  kind: string;
  label: string;
  count: number | undefined;
}

/** "APIs" for "api"; kinds of one's own stay as they are written. */
export function kindLabel(kind: string, written?: string): string {
  return PLURALS[kind] ?? written ?? kind.charAt(0).toUpperCase() + kind.slice(1);
}

export function useKinds(): { kinds: KindCount[]; total: number | undefined; error: Error | null; retry: () => void } {
  const { data, error, refetch } = useFacets(["kind"], { all: [], text: "" }, EVERY_KIND);
  const values = data?.facets["kind"];
  const kinds = useMemo(() => {
    const found = (values ?? []).map(({ value, count }) => ({ kind: value.toLowerCase(), label: kindLabel(value.toLowerCase(), value), count }));
    const place = ({ kind }: KindCount) => (COMMON.indexOf(kind) + COMMON.length + 1) % (COMMON.length + 1);
    return found.sort((a, b) => place(a) - place(b) || a.label.localeCompare(b.label));
  }, [values]);
  const total = useMemo(() => values?.reduce((sum, { count }) => sum + count, 0), [values]);
  return { kinds, total, error, retry: () => void refetch() };
}

export function KindMenu({ kind, setKind }: { kind: string; setKind: (kind: string) => void }) {
  const { kinds, total, error, retry } = useKinds();
  const [open, setOpen] = useState(false);
  const isKnown = kind === EVERY_KIND || kinds.some((one) => one.kind === kind);
  const missing: KindCount[] = isKnown ? [] : [{ kind, label: kindLabel(kind), count: total === undefined ? undefined : 0 }];
  const shown: KindCount[] = [...missing, ...kinds, { kind: EVERY_KIND, label: kindLabel(EVERY_KIND), count: total }];
  const pick = (next: string) => {
    setOpen(false);
    if (next !== kind) setKind(next);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" width={260} trapFocus returnFocus>
      <Popover.Target>
        <Button size="xs" onClick={() => setOpen(!open)} className={styles.kindButton} leftSection={<Icon kind={kind} />} rightSection={<IconChevronDown size={14} aria-hidden="true" />}>
          <span className="fw-only-read">Kind: </span>{shown.find((one) => one.kind === kind)?.label ?? kindLabel(kind)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className={styles.kinds} aria-label="Kind">
        {error ? <ProblemView error={error} retry={retry} compact /> : (
          <ul>
            {shown.map((one) => (
              <li key={one.kind}>
                <button type="button" aria-current={one.kind === kind ? "true" : undefined} data-autofocus={one.kind === kind || undefined} onClick={() => pick(one.kind)}>
                  <Icon kind={one.kind} />
                  <span className={styles.clip}>{one.label}</span>
                  <span className={styles.count}>{one.count === undefined ? "" : formatNumber(one.count)}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}
