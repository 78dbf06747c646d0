// SPDX-License-Identifier: Apache-2.0
// Ctrl+K: finds entities, people, pages and actions as one types; the main way around. A combobox over a list in groups
// (WAI-ARIA APG): the focus stays in the field, arrows move, Enter goes, Ctrl+Enter opens a new tab.
import { Modal } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconArrowRight, IconSearch } from "@tabler/icons-react";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import type { KeyboardEvent, ReactNode } from "react";
import { useGet } from "../api";
import { KindIcon, ProblemView } from "../ui";
import { useGo } from "./address";
import { APPEARANCES, APPEARANCE_NAMES, setAppearance } from "./appearance";
import { useNavigation } from "./frame";
import { icons } from "./icons";
import type { IconName } from "./icons";
import styles from "./palette.module.css";

interface Item {
  id: string;
  /** How a hit matches, 0 to 1. */
  score?: number;
  group: string;
  label: ReactNode;
  /** What is said and matched. */
  text: string;
  note?: string;
  icon: ReactNode;
  to?: string;
  run?: () => void;
}

const SHOWN_OF_A_GROUP = 6;
/** Parts of names and better; what merely has a word somewhere stands behind pages and actions that are called so. */
const NAMED = 0.6;

/** Whether all words of the query begin words of the text. */
function fits(query: string, text: string): boolean {
  const words = text.toLowerCase().split(/[\s/:-]+/);
  return query.toLowerCase().split(/\s+/).filter(Boolean).every((part) => words.some((word) => word.startsWith(part)));
}

function useLocalItems(): Item[] {
  const groups = useNavigation();
  return useMemo(() => {
    const pages = groups.flatMap(({ section, pages: shown }) => shown.map((page): Item => {
      const Icon = icons[(page.nav?.icon ?? "box") as IconName] ?? icons.box;
      return {
        id: `page-${page.name}`, group: "Pages", label: page.nav?.label, text: `${page.nav?.label} ${page.title} ${section}`, note: page.nav?.jump ? `g ${page.nav.jump}` : section,
        icon: <Icon size={16} aria-hidden="true" />, to: page.paths[0] ?? "/",
      };
    }));
    const action = (id: string, text: string, does: { to?: string; run?: () => void }): Item =>
      ({ id, group: "Actions", label: text, text, icon: <IconArrowRight size={16} aria-hidden="true" />, ...does });
    return [
      ...pages,
      action("register", "Register an entity", { to: "/catalog/-/register" }),
      action("profile", "Profile and security", { to: "/profile" }),
      ...APPEARANCES.map((one) => action(`appearance-${one}`, `Appearance: ${APPEARANCE_NAMES[one].toLowerCase()}`, { run: () => setAppearance(one) })),
    ];
  }, [groups]);
}

function useFound(query: string): { items: Item[]; error: unknown; busy: boolean } {
  const [asked] = useDebouncedValue(query, 40);
  const found = useGet("/api/search", { params: { query: { q: asked, limit: 8 } } }, { enabled: asked.length > 0, keep: true });
  const items = useMemo(() => (asked ? (found.data?.items ?? []) : []).map((hit): Item => ({
    id: `hit-${hit.type}-${hit.ref}`,
    score: hit.score,
    group: hit.kind === "user" || hit.kind === "group" ? "People" : "Catalog",
    label: hit.title,
    text: `${hit.title}, ${hit.kind}`,
    note: [hit.kind, hit.namespace === "default" ? "" : hit.namespace].filter(Boolean).join(" · "),
    icon: <KindIcon kind={hit.kind} />,
    to: hit.href,
  })), [found.data, asked]);
  // Until the answer to what is typed now is there, of the one before only what fits this, too: Enter must not go where nobody meant.
  const isOld = query !== asked || found.isPlaceholderData;
  const shown = useMemo(() => (isOld ? items.filter((item) => fits(query, item.text)) : items), [isOld, items, query]);
  return { items: shown, error: asked ? found.error : null, busy: isOld || found.isFetching };
}

export function Palette({ close }: { close: () => void }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const go = useGo();
  const id = useId();
  const local = useLocalItems();
  const found = useFound(query.trim());
  const list = useRef<HTMLDivElement>(null);

  const items = useMemo(() => {
    const text = query.trim();
    if (!text) return local.filter((item) => item.group === "Pages");
    const fitting = local.filter((item) => fits(text, item.text));
    const of = (group: string) => fitting.filter((item) => item.group === group).slice(0, SHOWN_OF_A_GROUP);
    const named = (item: Item) => (item.score ?? 0) >= NAMED;
    const all: Item[] = [...found.items.filter(named), ...of("Pages"), ...of("Actions"), ...found.items.filter((item) => !named(item))];
    all.push({ id: "all", group: "", label: <>Search the catalog for “{text}”</>, text: `Search the catalog for ${text}`, icon: <IconSearch size={16} aria-hidden="true" />, to: `/catalog?q=${encodeURIComponent(text)}` });
    return all;
  }, [query, local, found.items]);
  const current = items[Math.min(at, items.length - 1)];

  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [at, items]);

  const choose = (item: Item | undefined, apart: boolean) => {
    if (!item) return;
    if (item.to && apart) {
      open(item.to, "_blank", "noopener");
      return;
    }
    close();
    item.run?.();
    if (item.to) go(item.to);
  };
  const press = (event: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.min(at + 8, items.length - 1), PageUp: Math.max(at - 8, 0) };
    const to = moves[event.key];
    if (to !== undefined) {
      event.preventDefault();
      setAt((to + items.length) % Math.max(1, items.length));
    } else if (event.key === "Enter" && !event.nativeEvent.isComposing) {
      event.preventDefault();
      choose(current, event.ctrlKey || event.metaKey);
    }
  };

  let group = "";
  return (
    <Modal opened onClose={close} withCloseButton={false} yOffset="12vh" centered={false} size={640} padding={0} aria-label="Search or jump to" classNames={{ body: styles.body }}>
      <div className={styles.field}>
        <IconSearch size={18} aria-hidden="true" />
        <input
          data-autofocus role="combobox" aria-expanded="true" aria-controls={`${id}-list`} aria-autocomplete="list" aria-label="Search or jump to"
          aria-activedescendant={current ? `${id}-${current.id}` : undefined} placeholder="Services, people, APIs, pages, actions…" autoComplete="off" spellCheck={false} maxLength={200}
          value={query} onKeyDown={press} onChange={(event) => { setQuery(event.currentTarget.value); setAt(0); }}
        />
        <kbd>Esc</kbd>
      </div>
      {Boolean(found.error) && <div className={styles.problem}><ProblemView error={found.error} compact /></div>}
      <div className={styles.list} role="listbox" id={`${id}-list`} aria-label="Found" ref={list} tabIndex={-1}>
        {items.map((item, i) => {
          const heading = item.group !== group && item.group ? <div className={styles.group} role="presentation">{item.group}</div> : null;
          group = item.group;
          return (
            <div key={item.id} role="presentation">
              {heading}
              <div
                role="option" id={`${id}-${item.id}`} aria-selected={item === current} className={styles.item}
                onPointerMove={() => { if (i !== at) setAt(i); }} onClick={(event) => choose(item, event.ctrlKey || event.metaKey)}
              >
                {item.icon}<span className={styles.label} dir="auto">{item.label}</span><span className={styles.note}>{item.note}</span>
              </div>
            </div>
          );
        })}
      </div>
      <div className="fw-only-read" role="status">{found.busy ? "" : `${items.length} found`}</div>
    </Modal>
  );
}
