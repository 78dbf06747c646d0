// SPDX-License-Identifier: Apache-2.0
// Webhooks: where events are sent, whether they arrive, and the secret that signs them.
import { Button, Menu } from "@mantine/core";
import { useState } from "react";
import { again, call } from "../../api";
import type { Schemas } from "../../api";
import { useAddress, useParams } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { Once, RecordList, RecordPage } from "../../records";
import type { Values } from "../../records";
import { Time, confirm, toast, toastProblem } from "../../ui";
import { Deliveries } from "./deliveries";
import { HookStatus, webhook } from "./kind";
import type { Webhook } from "./kind";

const once = (secret: string | null) => (secret ? { title: "The secret that signs", secret, label: "Copy the secret", children: <p>The receiver verifies the signature of each message with it, as Standard Webhooks says.</p> } : null);

function Hooks() {
  const [secret, setSecret] = useState<string | null>(null);
  const create = async (body: Values): Promise<Webhook> => {
    const { data } = await call("post", "/api/webhooks", { body: body as unknown as Schemas["WebhookWrite"] });
    setSecret(data.secret ?? null);
    return data;
  };
  return (
    <RecordList kind={webhook} lead="Events sent to your URLs, signed, and repeated until they arrive." create={create} onCreated={() => undefined}>
      <Once shown={once(secret)} close={() => setSecret(null)} />
    </RecordList>
  );
}

function Hook() {
  const [secret, setSecret] = useState<string | null>(null);
  const { setQuery } = useAddress();
  const { may } = usePermissions();
  const test = async (row: Webhook) => {
    try {
      const { data } = await call("post", "/api/webhooks/{id}/test", { params: { path: { id: row.id } } });
      toast("A test event is on its way.");
      await again("/api/webhooks/{webhook_id}/deliveries");
      setQuery({ tab: "deliveries", delivery: data.id });
    } catch (cause) {
      toastProblem(cause);
    }
  };
  const rotate = async (row: Webhook) => {
    if (!(await confirm({ title: `Give ${row.name} a new secret?`, children: "For 24 hours messages are signed with the old one too: put the new one into place meanwhile.", action: "Make a new secret" }))) return;
    try {
      const { data } = await call("post", "/api/webhooks/{id}/rotate-secret", { params: { path: { id: row.id } } });
      setSecret(data.secret ?? null);
      await again("/api/webhooks");
    } catch (cause) {
      toastProblem(cause);
    }
  };
  const canUpdate = may("Webhook:update");
  return (
    <>
      <RecordPage
        kind={webhook}
        mark={(row) => <HookStatus hook={row} />}
        lead={(row) => <span dir="auto">{row.description}</span>}
        primary={(row) => (canUpdate ? <Button variant="filled" onClick={() => void test(row)}>Send a test event</Button> : null)}
        menu={(row) => (canUpdate ? <Menu.Item onClick={() => void rotate(row)}>Give it a new secret</Menu.Item> : null)}
        facts={(row) => [
          ["To", <code key="url">{row.url}</code>],
          ["Events", <code key="types">{(row.types ?? ["*"]).join(", ")}</code>],
          ["Why it is off", row.disabled_reason && <span dir="auto">{row.disabled_reason}</span>],
          ["Failing", row.failing_since && <>since <Time at={row.failing_since} /></>],
          ["The secret before signs too", row.previous_secret_until && new Date(row.previous_secret_until) > new Date() ? <>until <Time at={row.previous_secret_until} absolute /></> : null],
        ]}
        tabs={[{ id: "deliveries", label: "Deliveries", show: (row) => <Deliveries hook={row.id} /> }]}
      />
      <Once shown={once(secret)} close={() => setSecret(null)} />
    </>
  );
}

export default function Webhooks() {
  const { id } = useParams();
  return id ? <Hook /> : <Hooks />;
}
