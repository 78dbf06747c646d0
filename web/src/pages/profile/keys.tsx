// SPDX-License-Identifier: Apache-2.0
// One's own API keys: with which programs call in one's name.
import { Button, Modal, Select, TagsInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { again, call, useGet } from "../../api";
import type { Schemas } from "../../api";
import { Code, Empty, Form, Loaded, Panel, Status, Time, confirm } from "../../ui";
import { Attempt } from "../sign-in/attempt";
import styles from "./profile.module.css";

type ApiKey = Schemas["ApiKey"];
type Shown = Schemas["ApiKeyShown"];

const DAY_MS = 86_400_000;
const SCOPES = [
  { value: "Entity:read", label: "Read the catalog (Entity:read)" },
  { value: "Service:read", label: "Read services (Service:read)" },
  { value: "*:read", label: "Read everything (*:read)" },
  { value: "Service:*", label: "Services (Service:*)" },
  { value: "Event:read", label: "Events (Event:read)" },
  { value: "*:*", label: "Everything you may (*:*)" },
];

function Value({ shown, done }: { shown: Shown; done: () => void }) {
  return (
    <section className={styles["newCodes"]} tabIndex={-1} ref={(element) => element?.focus()} aria-labelledby="new-key" data-new-key>
      <h2 id="new-key">Keep the key “{shown.api_key.name}”</h2>
      <p>It is shown only now. Whoever has it may do in your name what its scopes say.</p>
      <Code label="The key" text={shown.key} />
      <Code label="Example of a call" language="sh" text={`curl -H 'Authorization: Bearer ${shown.key}' ${location.origin}/api/auth/me`} />
      <div className={styles["buttons"]}><Button variant="filled" onClick={done}>I have kept it</Button></div>
    </section>
  );
}

function New({ close, show }: { close: () => void; show: (shown: Shown) => void }) {
  const make = async (values: { name: string; scopes: string[]; days: string }) => {
    const body = { name: values.name, scopes: values.scopes, expires_at: new Date(Date.now() + Number(values.days) * DAY_MS).toISOString() };
    const { data } = await call("post", "/api/api-keys", { body });
    show(data);
    close();
    await again("/api/api-keys");
  };
  return (
    <Modal opened onClose={close} title="Make an API key">
      <Form initial={{ name: "", scopes: ["Entity:read", "Service:read"] as string[], days: "90" }} action="Make the key" send={make} cancel={close}>
        {(form) => (
          <>
            <TextInput label="Name" description="What it is for" required maxLength={100} data-autofocus {...form.field("name")} />
            <TagsInput label="Scopes" description="How far it reaches, never further than you: Service:read, Service:*, *:read" data={SCOPES} maxTags={30} {...form.field("scopes", "list")} />
            <Select label="Ends in" allowDeselect={false} data={[{ value: "7", label: "A week" }, { value: "30", label: "30 days" }, { value: "90", label: "90 days" }, { value: "365", label: "A year" }]} {...form.field("days", "select")} />
          </>
        )}
      </Form>
    </Modal>
  );
}

function Row({ apiKey, show }: { apiKey: ApiKey & { id: string }; show: (shown: Shown) => void }) {
  const path = { id: apiKey.id };
  const isOver = Date.parse(apiKey.expires_at) < Date.now();
  const remove = async () => {
    if (!(await confirm({ title: `Delete the key “${apiKey.name}”?`, children: "Programs that call with it are refused from now on.", action: "Delete the key", danger: true }))) return;
    await call("delete", "/api/api-keys/{id}", { params: { path } });
    await again("/api/api-keys");
  };
  const rotate = async () => {
    if (!(await confirm({ title: `Give “${apiKey.name}” a new value?`, children: "The value before works for one more day, so that programs can be changed over.", action: "Make a new value" }))) return;
    const { data } = await call("post", "/api/api-keys/{id}/rotate", { params: { path }, body: { overlap_seconds: 86_400 } });
    show(data);
    await again("/api/api-keys");
  };
  return (
    <li className={styles["row"]}>
      <div>
        <strong dir="auto">{apiKey.name}</strong> <code>{apiKey.prefix}…</code> {isOver && <Status state="bad">Ended</Status>}
        <div className="fw-faint">
          {apiKey.scopes.join(", ")} · ends <Time at={apiKey.expires_at} /> · {apiKey.last_used_at ? <>used <Time at={apiKey.last_used_at} /></> : "not used yet"}
          {apiKey.previous_until && Date.parse(apiKey.previous_until) > Date.now() && <> · the value before works until <Time at={apiKey.previous_until} absolute /></>}
        </div>
      </div>
      <div className={styles["buttons"]}>
        <Attempt size="xs" work={rotate} aria-label={`New value for ${apiKey.name}`}>New value</Attempt>
        <Attempt size="xs" work={remove} aria-label={`Delete ${apiKey.name}`}>Delete</Attempt>
      </div>
    </li>
  );
}

export function Keys({ userId }: { userId: string }) {
  const keys = useGet("/api/api-keys", { params: { query: { user_id: userId, limit: 200 } as never } }, { live: ["api-keys.*"] });
  const [making, setMaking] = useState(false);
  const [shown, setShown] = useState<Shown>();
  return (
    <div className={styles["panels"]}>
      {shown && <Value shown={shown} done={() => setShown(undefined)} />}
      <Panel title="API keys" id="keys" actions={<Button variant="filled" onClick={() => setMaking(true)}>Make an API key</Button>}>
        <p className="fw-faint">Programs call with them in your name: as field <code>Authorization: Bearer …</code>. For what goes on when you leave, ask for a service account.</p>
        <Loaded query={keys} isEmpty={(found) => found.items.length === 0}
          empty={<Empty title="You have no API keys">Make one for the command line or a program of yours.</Empty>}>
          {(found) => <ul className={styles["rows"]}>{found.items.map((one) => one.id && <Row key={one.id} apiKey={{ ...one, id: one.id }} show={setShown} />)}</ul>}
        </Loaded>
      </Panel>
      {making && <New close={() => setMaking(false)} show={setShown} />}
    </div>
  );
}
