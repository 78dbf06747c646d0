// SPDX-License-Identifier: Apache-2.0
// Who one is here, and everything held about one, to take along.
import { Avatar, TextInput } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { call, useGet } from "../../api";
import type { Schemas } from "../../api";
import { readMe, useMe } from "../../app/me";
import { usePermissions } from "../../app/permissions";
import { Copy, EntityLink, Facts, Form, Link, Loaded, Panel, Status, toast } from "../../ui";
import { Attempt } from "../sign-in/attempt";
import { download } from "./codes";
import styles from "./profile.module.css";

type User = Schemas["User"];

function Details({ user }: { user: User }) {
  return (
    <div className={styles["who"]}>
      <Avatar src={user.avatar_url ?? null} name={user.name} alt="" size={64} />
      <Facts rows={[
        ["Name", <span dir="auto">{user.name}</span>],
        ["Email", user.email && <span dir="auto">{user.email}</span>],
        ["In the catalog", user.entity_ref && <EntityLink ref_={user.entity_ref} icon />],
        ["State", user.status && <Status state={user.status === "active" ? "good" : "paused"}>{user.status === "active" ? "Active" : user.status}</Status>],
        ["Id", user.id && <><code>{user.id}</code> <Copy text={user.id} label="Copy the id" /></>],
      ]} />
    </div>
  );
}

function Edit({ user }: { user: User & { id: string } }) {
  const save = async ({ name, avatar_url }: { name: string; avatar_url: string }) => {
    await call("patch", "/api/users/{id}", { params: { path: { id: user.id } }, body: { name, avatar_url: avatar_url || null } as never });
    await readMe();
    toast("Saved.");
  };
  return (
    <div className={styles["narrow"]}>
      <Form initial={{ name: user.name, avatar_url: user.avatar_url ?? "" }} action="Save" send={save}>
        {(form) => (
          <>
            <TextInput label="Name" required maxLength={100} autoComplete="name" dir="auto" {...form.field("name")} />
            <TextInput label="Picture" description="An address that begins with https://" type="url" maxLength={2000} {...form.field("avatar_url")} />
          </>
        )}
      </Form>
    </div>
  );
}

function Teams({ userId }: { userId: string }) {
  const memberships = useGet("/api/team-memberships", { params: { query: { user_id: userId, limit: 100 } as never } }, { live: ["team-memberships.*", "teams.*"] });
  return (
    <Panel title="Teams" id="teams">
      <Loaded query={memberships} isEmpty={(found) => found.items.length === 0} empty={<p className="fw-faint">You are in no team. An administrator, or whoever leads a team, adds you.</p>}>
        {(found) => <ul className={styles["rows"]}>{found.items.map((one) => <li key={one.team_id} className={styles["row"]}><Team id={one.team_id} role={one.role} /></li>)}</ul>}
      </Loaded>
    </Panel>
  );
}

function Team({ id, role }: { id: string; role: string | undefined }) {
  const team = useGet("/api/teams/{id}", { params: { path: { id } } }, { live: ["teams.*"] });
  return <div><Link to={`/admin/teams/${id}`}>{team.data?.name ?? id}</Link>{role && <div className="fw-faint">{role}</div>}</div>;
}

export function About() {
  const me = useMe();
  const { may } = usePermissions();
  if (!me?.user) return null;
  const { user } = me;
  const mayEdit = !user.source && may("User:update");
  const takeAlong = async () => {
    const { data } = await call("get", "/api/auth/me/export");
    download(`fairway-${new Date().toISOString().slice(0, 10)}.json`, "application/json", JSON.stringify(data, null, 2));
    if (data.truncated.length > 0) toast(`There is more than fits into one file of: ${data.truncated.join(", ")}.`);
  };
  return (
    <div className={styles["panels"]}>
      <Panel title="Who you are" id="who"><Details user={user} /></Panel>
      {mayEdit && user.id && <Panel title="Change" id="change"><Edit user={{ ...user, id: user.id }} /></Panel>}
      {!mayEdit && (
        <p className="fw-faint">
          {user.source ? <>Your name, address and picture come from <code>{user.source}</code> and are changed there.</> : "An administrator can change your name and address."}
        </p>
      )}
      <Teams userId={me.id} />
      <Panel title="Your data" id="data">
        <p className="fw-faint">Everything held about you: your record, sessions, keys, teams, roles, and what you did. Without secrets. The export itself is noted in the audit trail.</p>
        <div className={styles["buttons"]}><Attempt leftSection={<IconDownload size={16} aria-hidden="true" />} work={takeAlong}>Export my data</Attempt></div>
      </Panel>
    </div>
  );
}
