// SPDX-License-Identifier: Apache-2.0
// Where somebody is signed in, to end what they do not know.
import { call, useGet } from "../../api";
import type { Schemas } from "../../api";
import { Loaded, Panel, Status, Time } from "../../ui";
import { Attempt } from "../sign-in/attempt";
import { useIdentityCheck } from "./confirm";
import { factorsChanged } from "./factors";
import styles from "./profile.module.css";

type Session = Schemas["Session"];

/** "Chrome on Linux" */
function programOf(text = ""): string {
  const browser = /Edg|Firefox|Chrome|Safari|curl|fairway/.exec(text)?.[0].replace("Edg", "Edge");
  const system = /Android|iPhone|iPad|Windows|Mac OS|Linux/.exec(text)?.[0];
  return [browser, system].filter(Boolean).join(" on ") || text.slice(0, 60) || "Unknown program";
}

function Row({ session }: { session: Session }) {
  const { sure, dialog } = useIdentityCheck();
  const program = programOf(session.user_agent);
  const end = () => sure(async () => {
    await call("delete", "/api/auth/sessions/{id}", { params: { path: { id: session.id } } });
    await factorsChanged();
  });
  return (
    <li className={styles["row"]}>
      <div>
        <strong title={session.user_agent ?? ""}>{program}</strong> {session.is_current && <Status state="good">This one</Status>}
        <div className="fw-faint">
          {session.address && <>{session.address} · </>}begun <Time at={session.created_at} /> · used <Time at={session.last_used_at} /> · ends <Time at={session.expires_at} />
        </div>
      </div>
      {!session.is_current && <div className={styles["buttons"]}><Attempt size="xs" work={end} aria-label={`End ${program}${session.address ? ` at ${session.address}` : ""}`}>End</Attempt></div>}
      {dialog}
    </li>
  );
}

export function SessionsPanel() {
  const sessions = useGet("/api/auth/sessions", {}, { every: 60_000 });
  const { sure, dialog } = useIdentityCheck();
  const endOthers = () => sure(async () => {
    await call("delete", "/api/auth/sessions");
    await factorsChanged();
  });
  return (
    <Panel title="Sessions" id="sessions">
      <p className="fw-faint">Where you are signed in. End what you do not know, and change your password then.</p>
      <Loaded query={sessions}>
        {({ items }) => (
          <>
            <ul className={styles["rows"]}>{items.map((session) => <Row key={session.id} session={session} />)}</ul>
            {items.length > 1 && <div className={styles["buttons"]}><Attempt work={endOthers}>End all others</Attempt></div>}
          </>
        )}
      </Loaded>
      {dialog}
    </Panel>
  );
}
