// SPDX-License-Identifier: Apache-2.0
// The checks of a service: how they stand, what came of them, new ones.
import { Button, Modal, NumberInput, SegmentedControl, Select, TextInput } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useMemo } from "react";
import { call, useChange, useGet } from "../../api";
import type { Answer } from "../../api";
import { useAddress } from "../../app/address";
import { DataTable, Empty, Facts, Form, Loaded, Panel, Plot, Status, Time, confirm, formatDuration, formatPercent, stateOfHealth, toast, toastProblem } from "../../ui";
import type { TabProps } from "./index";
import styles from "./entity.module.css";

const LIVE = ["services.health_changed", "services.health-checks.*"];
const READS = ["/api/services"];
type Health = Answer<"/api/services/{id}/health">;

function Points({ history }: { history: Health["history"] }) {
  const times = useMemo(() => history.points.map((point) => Date.parse(point.at) / 1000), [history.points]);
  const latency = useMemo(() => [{ name: "Average", values: history.points.map((point) => point.average_ms) }, { name: "Longest", values: history.points.map((point) => point.max_ms), state: "warn" as const }], [history.points]);
  const passed = useMemo(() => [{ name: "Passed", values: history.points.map((point) => point.uptime), state: "good" as const }], [history.points]);
  if (times.length === 0) return <p className="fw-faint">Nothing ran in this time.</p>;
  return (
    <div className={styles.split}>
      <div><h3>Answer time</h3><Plot label="Answer time of the checks" times={times} series={latency} unit="ms" /></div>
      <div><h3>Runs that passed</h3><Plot label="Share of runs that passed" times={times} series={passed} unit="percent" kind="steps" /></div>
    </div>
  );
}

function NewCheck({ id, close }: { id: string; close: () => void }) {
  return (
    <Modal opened onClose={close} title="Watch an address" size="lg">
      <Form initial={{ name: "", method: "GET", endpoint: "", interval_seconds: 60 }} action="Add the check" cancel={close}
        send={(values) => call("post", "/api/services/{service_id}/health-checks", { params: { path: { service_id: id } }, body: values as never })}
        onDone={() => { close(); toast("It is watched from now on"); }}>
        {({ field }) => (
          <>
            <TextInput label="Name" description="What it tells of: http, database" required data-autofocus {...field("name")} />
            <TextInput label="Address" type="url" placeholder="https://shop.example.org/healthz" required {...field("endpoint")} />
            <Select label="Method" data={["GET", "HEAD", "POST"]} {...field("method", "select")} />
            <NumberInput label="Every so many seconds" min={10} max={86400} {...field("interval_seconds", "number")} />
          </>
        )}
      </Form>
    </Modal>
  );
}

export default function HealthTab({ entity }: TabProps) {
  const { query, setQuery } = useAddress();
  const id = entity.metadata.uid ?? "";
  const window = ["24h", "7d", "30d"].find((one) => one === query.get("window")) ?? "24h";
  const health = useGet("/api/services/{id}/health", { params: { path: { id }, query: { window } } }, { live: LIVE, keep: true, every: 30_000 });
  const run = useChange((check: string) => call("post", "/api/services/{service_id}/health-checks/{id}/run", { params: { path: { service_id: id, id: check } } }), READS);
  const remove = useChange((check: string) => call("delete", "/api/services/{service_id}/health-checks/{id}", { params: { path: { service_id: id, id: check } } }), READS);
  const add = <Button leftSection={<IconPlus size={16} aria-hidden="true" />} onClick={() => setQuery({ add: "1" })}>Watch an address</Button>;
  return (
    <div className={styles.stack}>
      <Loaded query={health} isEmpty={(data) => data.checks.length === 0} empty={<Empty title="Nothing watches it yet" action={add}>A check asks an address at an interval, keeps what came of it, and tells when it does not answer.</Empty>}>
        {(data) => (
          <>
            <Panel title={<Status state={stateOfHealth(data.status)}>{data.status}</Status>} actions={<><SegmentedControl size="xs" aria-label="How far back" value={window} onChange={(value) => setQuery({ window: value })} data={[{ value: "24h", label: "Day" }, { value: "7d", label: "Week" }, { value: "30d", label: "Month" }]} />{add}</>}>
              <div className={styles.stack}>
                <Facts columns={2} rows={[
                  ["Since", data.changed_at && <Time at={data.changed_at} />],
                  ["Last day", data.uptime.day !== null && formatPercent(data.uptime.day)],
                  ["Last week", data.uptime.week !== null && formatPercent(data.uptime.week)],
                  ["Last month", data.uptime.month !== null && formatPercent(data.uptime.month)],
                ]} />
                <Points history={data.history} />
              </div>
            </Panel>
            <DataTable label="Checks" rows={data.checks} rowKey={(row) => row.id}
              columns={[
                { id: "name", header: "Check", cell: (row) => row.name },
                { id: "state", header: "State", width: "8rem", cell: (row) => (row.enabled ? <Status state={stateOfHealth(row.status)}>{row.status}</Status> : <Status state="paused">off</Status>) },
                { id: "endpoint", header: "Asks", priority: 2, cell: (row) => <code>{row.method} {row.endpoint}</code> },
                { id: "last", header: "Last", width: "12rem", priority: 3, cell: (row) => (row.last_result ? <><Time at={row.last_result.at} /> · {formatDuration(row.last_result.duration_ms)}</> : "never") },
                { id: "why", header: "Why", priority: 1, cell: (row) => row.last_result?.error ?? "" },
                { id: "actions", header: "", width: "11rem", align: "end", cell: (row) => (
                  <>
                    <Button size="compact-xs" disabled={!row.enabled} onClick={() => run.mutate(row.id, { onSuccess: () => toast(`${row.name} runs now`), onError: toastProblem })} aria-label={`Run ${row.name} now`}>Run now</Button>{" "}
                    <Button size="compact-xs" onClick={() => void confirm({ title: `Delete the check ${row.name}?`, children: "Its results go with it.", action: "Delete the check", danger: true }).then((yes) => yes && remove.mutate(row.id, { onError: toastProblem }))} aria-label={`Delete ${row.name}`}>Delete</Button>
                  </>
                ) },
              ]} />
          </>
        )}
      </Loaded>
      {query.get("add") && <NewCheck id={id} close={() => setQuery({ add: null }, { replace: true })} />}
    </div>
  );
}
