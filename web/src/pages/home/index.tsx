// SPDX-License-Identifier: Apache-2.0
// The first page: what waits for somebody, what is theirs, what changed. Where nobody is asked who they are: the whole catalog.
import { Button } from "@mantine/core";
import { IconLayoutDashboard } from "@tabler/icons-react";
import { Fragment, useEffect, useRef, useState } from "react";
import type { ReactNode } from "react";
import { useGo } from "../../app/address";
import { useSession } from "../../app/me";
import { Bones, Page, ProblemView } from "../../ui";
import { useKinds } from "../catalog/kinds";
import { useMine } from "../catalog/queries";
import { arrival } from "../sign-in/arrival";
import { Arrange } from "./arrange";
import { useArrangement } from "./arrangement";
import type { PanelId } from "./arrangement";
import styles from "./home.module.css";
import { ActionsPanel, ChangedPanel, FirstSteps, StatePanel, TeamsPanel } from "./panels";
import { ServicesPanel, useMyServices } from "./services";
import { WaitingPanel } from "./waiting";

/** Links and providers lead to "/" with what they brought: it belongs to the pages that tell of it. */
function useArrival(isSomebody: boolean): void {
  const go = useGo();
  useEffect(() => {
    if (arrival.oneTime) go("/sign-in", { replace: true });
    else if (arrival.failure && isSomebody) go("/profile/security", { replace: true });
  }, [go, isSomebody]);
}

/** Short ones, beside the others where there is room. */
const SIDE: ReadonlySet<PanelId> = new Set(["teams", "state", "actions"]);

interface PanelsProps {
  isOpen: boolean;
  userId: string | undefined;
  arranging: boolean;
  close: () => void;
}

function Panels({ isOpen, userId, arranging, close }: PanelsProps) {
  const [arrangement, change] = useArrangement();
  const { mine, error, retry } = useMine(!isOpen);
  const services = useMyServices(mine);
  const panels: Record<PanelId, ReactNode> = {
    waiting: <WaitingPanel services={services} userId={userId} />,
    services: isOpen ? null : <ServicesPanel services={services} title="My services" />,
    teams: isOpen ? null : <TeamsPanel mine={mine} />,
    changed: <ChangedPanel />,
    state: <StatePanel />,
    actions: <ActionsPanel />,
  };
  const shown = arrangement.order.filter((id) => panels[id] !== null);
  const visible = shown.filter((id) => !arrangement.hidden.includes(id));
  return (
    <>
      {error && <ProblemView error={error} retry={retry} />}
      <div className={styles.panels}>
        <div className={styles.column}>{visible.filter((id) => !SIDE.has(id)).map((id) => <Fragment key={id}>{panels[id]}</Fragment>)}</div>
        <div className={styles.column}>{visible.filter((id) => SIDE.has(id)).map((id) => <Fragment key={id}>{panels[id]}</Fragment>)}</div>
      </div>
      {arranging && <Arrange shown={shown} arrangement={arrangement} change={change} close={close} />}
    </>
  );
}

/** People and their groups are in every catalog; what is worth a home page is the rest. */
const PEOPLE = new Set(["user", "group", "location"]);

export default function Home() {
  const { me, open } = useSession();
  const { kinds, total, error } = useKinds();
  const [arranging, setArranging] = useState(false);
  useArrival(me !== null);
  // Once is enough: a panel that asks again must not take the page away, which would have it ask again.
  const known = useRef(false);
  known.current ||= total !== undefined || error !== null;
  const isEmpty = total !== undefined && kinds.every((one) => PEOPLE.has(one.kind) || !one.count);
  return (
    <Page
      title={me ? `Hello, ${me.name}` : "Home"} documentTitle="Home"
      actions={!isEmpty && <Button size="xs" leftSection={<IconLayoutDashboard size={16} aria-hidden="true" />} onClick={() => setArranging(true)}>Arrange</Button>}
      lead={open ? "Nobody is asked who they are on this server, so nothing here is yours: this is the state of the whole catalog." : undefined}
    >
      {!known.current ? <Bones lines={8} /> : isEmpty ? <FirstSteps isOpen={open} /> : <Panels isOpen={open} userId={me?.id} arranging={arranging} close={() => setArranging(false)} />}
    </Page>
  );
}
