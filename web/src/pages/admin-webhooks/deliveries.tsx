// SPDX-License-Identifier: Apache-2.0
// The deliveries of a webhook: what arrived, what did not and why, and a way to send one again.
import { Button, Drawer } from "@mantine/core";
import { again, call, useGet } from "../../api";
import type { Schemas } from "../../api";
import { useAddress } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { DeniedOr, OptionFilter, isDenied, usePaging } from "../../records";
import { DataTable, Empty, Facts, Link, Loaded, Pager, Panel, ProblemView, Time, formatNumber, toast, toastProblem } from "../../ui";
import { DELIVERY_OPTIONS, DeliveryStatus } from "./kind";
import styles from "./webhooks.module.css";

type Delivery = Schemas["WebhookDelivery"];
const PATH = "/api/webhooks/{webhook_id}/deliveries";
const PAGE = 50;

async function redeliver(hook: string, id: string): Promise<void> {
  try {
    await call("post", "/api/webhooks/{webhook_id}/deliveries/{id}/redeliver", { params: { path: { webhook_id: hook, id } } });
    toast("It is sent again, now.");
    await again(PATH);
  } catch (cause) {
    toastProblem(cause);
  }
}

function Shown({ hook, delivery }: { hook: string; delivery: Delivery }) {
  const { may } = usePermissions();
  return (
    <div className={styles.stack}>
      <Facts
        rows={[
          ["Status", <DeliveryStatus key="status" status={delivery.status} />],
          ["Answer", delivery.response_code === undefined ? null : <code>{delivery.response_code}</code>],
          ["Why it failed", delivery.error && <span dir="auto">{delivery.error}</span>],
          ["Took", delivery.duration_ms === undefined ? null : `${formatNumber(delivery.duration_ms)} ms`],
          ["Attempts", String(delivery.attempts)],
          ["Last attempt", delivery.last_attempt_at && <Time at={delivery.last_attempt_at} absolute />],
          ["Next attempt", delivery.next_attempt_at && <Time at={delivery.next_attempt_at} absolute />],
          ["Event", <><Link to={`/admin/events?types=${encodeURIComponent(delivery.event_type)}`}>{delivery.event_type}</Link> <code>{delivery.event_id}</code></>],
        ]}
      />
      {may("Webhook:update") && <div><Button onClick={() => void redeliver(hook, delivery.id)}>Send it again</Button></div>}
    </div>
  );
}

function DeliveryDrawer({ hook }: { hook: string }) {
  const { query, setQuery } = useAddress();
  const id = query.get("delivery");
  const read = useGet(`${PATH}/{id}`, { params: { path: { webhook_id: hook, id: id ?? "" } } }, { enabled: id !== null, every: 2000 });
  return (
    <Drawer opened={id !== null} onClose={() => setQuery({ delivery: null }, { replace: true })} position="right" size={560} title={read.data?.event_type ?? "Delivery"}>
      <Loaded query={read}>{(delivery) => <Shown hook={hook} delivery={delivery} />}</Loaded>
    </Drawer>
  );
}

export function Deliveries({ hook }: { hook: string }) {
  const { query, withQuery } = useAddress();
  const { may } = usePermissions();
  const paging = usePaging();
  const status = query.get("status");
  const list = useGet(PATH, {
    params: { path: { webhook_id: hook }, query: { limit: PAGE, total: true, ...(status ? { status: [status as Delivery["status"]] } : {}), ...(paging.cursor ? { cursor: paging.cursor } : {}) } },
  }, { every: 3000, keep: true });
  if (isDenied(list.error)) return <DeniedOr error={list.error} />;
  if (list.error && !list.data) return <ProblemView error={list.error} retry={() => void list.refetch()} />;
  const rows = list.data?.items ?? [];
  const to = (row: Delivery) => withQuery({ delivery: row.id });
  return (
    <Panel plain title="Deliveries" actions={<OptionFilter name="status" label="Status" options={DELIVERY_OPTIONS} />}>
      <DataTable
        label="Deliveries, newest first" rows={rows} rowKey={(row) => row.id} rowTo={to} loading={list.isPending} empty={<Empty title={status ? "No delivery fits" : "Nothing was sent yet"}>“Send a test event” shows whether it arrives.</Empty>}
        columns={[
          { id: "type", header: "Event", width: "10rem", cell: (row) => <Link to={to(row)}>{row.event_type}</Link> },
          { id: "status", header: "Status", width: "11rem", cell: (row) => <DeliveryStatus status={row.status} /> },
          { id: "answer", header: "Answer", width: "6rem", align: "end", priority: 3, cell: (row) => row.response_code },
          { id: "took", header: "Took", width: "7rem", align: "end", priority: 1, cell: (row) => (row.duration_ms === undefined ? null : `${formatNumber(row.duration_ms)} ms`) },
          { id: "attempts", header: "Attempts", width: "6rem", align: "end", priority: 1, cell: (row) => row.attempts },
          { id: "at", header: "Since", width: "9rem", priority: 2, cell: (row) => <Time at={row.created_at} /> },
          { id: "again", header: "", width: "8rem", align: "end", priority: 3, cell: (row) => (may("Webhook:update") ? <Button size="xs" aria-label={`Send ${row.event_type} again`} onClick={() => void redeliver(hook, row.id)}>Send again</Button> : null) },
        ]}
      />
      {rows.length > 0 && <Pager total={list.data?.total} start={paging.start} shown={rows.length} earlier={paging.earlier} later={paging.later(list.data?.next_cursor, rows.length)} />}
      <DeliveryDrawer hook={hook} />
    </Panel>
  );
}
