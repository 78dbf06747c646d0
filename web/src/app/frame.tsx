// SPDX-License-Identifier: Apache-2.0
// The frame of every page: bar, sidebar, the palette and the dialogs that belong to no page.
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand, IconMenu2, IconSearch } from "@tabler/icons-react";
import { useRouterState } from "@tanstack/react-router";
import { Suspense, lazy, useEffect, useRef, useState } from "react";
import type { ReactNode } from "react";
import { Bones, Link } from "../ui";
import { useGo } from "./address";
import { boot } from "./boot";
import { icons } from "./icons";
import type { IconName } from "./icons";
import { isTyping } from "./keys";
import { useLiveState } from "./live";
import { useSession } from "./me";
import type { PageDeclaration } from "./pages";
import { usePermissions } from "./permissions";
import { pages } from "../pages.gen";
import { SessionEnded } from "./session_ended";
import { UserMenu } from "./user_menu";

const Palette = lazy(() => import("./palette").then(({ Palette: component }) => ({ default: component })));
const KeyboardHelp = lazy(() => import("./keyboard_help").then(({ KeyboardHelp: component }) => ({ default: component })));
const SignIn = lazy(() => import("../pages/sign-in"));

const SECTIONS = ["", "Operate", "Govern", "Administration"];

/** Pages that stand in the sidebar, for who may see them. */
export function useNavigation(): { section: string; pages: PageDeclaration[] }[] {
  const { may } = usePermissions();
  const shown = pages.filter((page) => page.nav && (!page.development || boot.development) && (!page.nav.permission || may(page.nav.permission)));
  return SECTIONS
    .map((section) => ({ section, pages: shown.filter((page) => page.nav?.section === section).sort((a, b) => (a.nav?.order ?? 0) - (b.nav?.order ?? 0)) }))
    .filter((group) => group.pages.length > 0);
}

function Anchor() {
  return (
    <svg aria-hidden="true" viewBox="0 0 24 24" width="22" height="22">
      <path fill="currentColor" d="M12 2a3 3 0 0 0-1.2 5.75V9H8v2h2.8v8.85A7.6 7.6 0 0 1 4.9 15l1.6-.9L3 11v5a9.6 9.6 0 0 0 9 6 9.6 9.6 0 0 0 9-6v-5l-3.5 3.1 1.6.9a7.6 7.6 0 0 1-5.9 4.85V11H16V9h-2.8V7.75A3 3 0 0 0 12 2Zm0 2a1 1 0 1 1 0 2 1 1 0 0 1 0-2Z" />
    </svg>
  );
}

function Sidebar({ folded, fold, close }: { folded: boolean; fold: () => void; close: () => void }) {
  const groups = useNavigation();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const isAt = (to: string) => (to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`));
  return (
    <nav className="fw-side" id="sidebar" aria-label="Sections" onClick={(event) => { if ((event.target as Element).closest("a")) close(); }}>
      {groups.map(({ section, pages: shown }) => (
        <div key={section}>
          {section && <h2>{section}</h2>}
          <ul>
            {shown.map(({ name, nav, paths }) => {
              const Icon = icons[(nav?.icon ?? "box") as IconName] ?? icons.box;
              const to = paths[0] ?? "/";
              const link = <Link to={to} aria-current={path === to ? "page" : isAt(to) ? "true" : undefined}><Icon size={18} stroke={1.6} aria-hidden="true" /><span>{nav?.label}</span></Link>;
              return <li key={name}>{folded ? <Tooltip label={nav?.label} position="right">{link}</Tooltip> : link}</li>;
            })}
          </ul>
        </div>
      ))}
      <div className="fw-fold">
        <ActionIcon onClick={fold} aria-label={folded ? "Widen the sidebar" : "Fold the sidebar"}>
          {folded ? <IconLayoutSidebarLeftExpand size={18} /> : <IconLayoutSidebarLeftCollapse size={18} />}
        </ActionIcon>
      </div>
    </nav>
  );
}

function LiveMark() {
  const state = useLiveState();
  if (state !== "away") return <span className="fw-only-read" role="status">{state === "live" ? "Live" : ""}</span>;
  return <span className="fw-away" role="status">○ Not live</span>;
}

function kept(name: string): boolean {
  try {
    return localStorage.getItem(name) === "on";
  } catch {
    return false;
  }
}

export function Frame({ children }: { children: ReactNode }) {
  const session = useSession();
  const page = useRouterState({ select: (state) => state.matches.at(-1)?.staticData.page });
  const path = useRouterState({ select: (state) => state.location.pathname });
  const [folded, setFolded] = useState(() => kept("sidebar-folded"));
  const [drawer, setDrawer] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const go = useGo();
  const groups = useNavigation();
  const pressedG = useRef(0);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);

  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPalette((open) => !open);
        return;
      }
      if (event.key === "Escape") setDrawer(false);
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      if (Date.now() - pressedG.current < 1200) {
        const target = groups.flatMap((group) => group.pages).find((one) => one.nav?.jump === event.key);
        pressedG.current = 0;
        if (target?.paths[0]) {
          event.preventDefault();
          go(target.paths[0]);
        }
      } else if (event.key === "g") {
        pressedG.current = Date.now();
      } else if (event.key === "?") {
        setHelp(true);
      } else if (event.key === "k" && event.metaKey) {
        setPalette(true);
      }
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [go, groups]);

  // A new page is begun at its heading by those who listen; the first one is where the browser begins it.
  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [path]);

  const bones = <Bones lines={6} />;
  // Nobody is here, or somebody who must set up a second factor first: nothing else would be answered to them.
  if ((!session.me && !session.open && !page?.public) || session.me?.second_factor_missing) return <Suspense fallback={null}><SignIn /></Suspense>;
  if (page?.bare) return <Suspense fallback={bones}>{children}</Suspense>;
  const fold = () => {
    setFolded(!folded);
    try {
      localStorage.setItem("sidebar-folded", folded ? "off" : "on");
    } catch {
      // storage is off: it holds until the page is left
    }
  };
  return (
    <div className="fw-shell" data-folded={folded || undefined} data-drawer={drawer || undefined}>
      <a className="fw-skip" href="#main">Skip to the content</a>
      <header className="fw-top">
        <ActionIcon className="fw-menu-button" onClick={() => setDrawer(!drawer)} aria-label="Sections" aria-expanded={drawer} aria-controls="sidebar"><IconMenu2 size={20} /></ActionIcon>
        <Link to="/" className="fw-brand" aria-label="Fairway, home"><Anchor /><span>Fairway</span></Link>
        <button type="button" className="fw-jump" onClick={() => setPalette(true)} aria-haspopup="dialog" aria-keyshortcuts="Control+K">
          <IconSearch size={16} aria-hidden="true" /><span>Search or jump to…</span><kbd>Ctrl K</kbd>
        </button>
        <div className="fw-top-end">
          <LiveMark />
          <UserMenu showHelp={() => setHelp(true)} />
        </div>
      </header>
      <Sidebar folded={folded} fold={fold} close={() => setDrawer(false)} />
      <main className="fw-main" id="main" tabIndex={-1} ref={main}>
        <Suspense fallback={bones}>{children}</Suspense>
      </main>
      <Suspense fallback={null}>
        {palette && <Palette close={() => setPalette(false)} />}
        {help && <KeyboardHelp close={() => setHelp(false)} />}
      </Suspense>
      {session.ended && <SessionEnded />}
    </div>
  );
}
