// SPDX-License-Identifier: Apache-2.0
// Background work: what is dead first, what runs, what is queued, and what is queued on a schedule.
import { Button, Menu, Progress } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { again, call } from "../../api";
import { useAddress, useParams } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { RecordFilters, RecordPage, RecordTable } from "../../records";
import { Code, Empty, Page, Panel, Tabs, Time, confirm, formatDuration, toast, toastProblem } from "../../ui";
import { JobStatus, STATES, job, schedule } from "./kind";
import type { Job } from "./kind";
import { JobLog } from "./log";

function useCounts(): Map<string, number> {
  const found = useQueries({
    queries: STATES.map(({ value }) => ({
      queryKey: ["/api/jobs", { count: value }],
      queryFn: async () => (await call("get", "/api/jobs", { params: { query: { state: [value], limit: 1, fields: ["id"], total: true } } })).data.total ?? 0,
      refetchInterval: 5000,
      meta: { live: ["jobs.*"] },
      retry: false,
    })),
  });
  return new Map(STATES.flatMap(({ value }, i) => {
    const count = found[i]?.data;
    return count === undefined ? [] : [[value, count] as const];
  }));
}

function Jobs() {
  const { query } = useAddress();
  const counts = useCounts();
  const state = query.get("state") ?? "dead";
  const tab = (value: string, label: string, count?: number) => ({ to: value === "dead" ? "/admin/jobs" : `/admin/jobs?state=${value}`, label, current: state === value, ...(count === undefined ? {} : { count }) });
  return (
    <Page title="Jobs" lead="Work that the server does in the background. A dead letter has used up its attempts, or cannot succeed.">
      <Tabs label="Jobs by state" tabs={[...STATES.map(({ value, label }) => tab(value, label, counts.get(value))), tab("all", "All"), tab("schedules", "Schedules")]} />
      {state === "schedules" ? <RecordTable key={state} kind={schedule} /> : (
        <>
          <RecordFilters kind={job} />
          <RecordTable key={state} kind={job} {...(state === "all" ? {} : { fixed: { state } })} {...(state === "dead" ? { empty: <Empty title="No dead letters">All that was begun has ended well, is queued, or is tried again by itself.</Empty> } : {})} />
        </>
      )}
    </Page>
  );
}

const ENDED: Job["state"][] = ["dead", "failed", "cancelled"];
const OPEN: Job["state"][] = ["queued", "running", "failed"];

async function change(what: "retry" | "cancel", row: Job): Promise<void> {
  if (what === "cancel" && !(await confirm({ title: `Cancel the job ${row.type}?`, children: row.state === "running" ? "It is asked to end, and becomes cancelled when it does." : "It does not run then, unless it is run again.", action: "Cancel the job", danger: true }))) return;
  try {
    await call("post", what === "retry" ? "/api/jobs/{id}/retry" : "/api/jobs/{id}/cancel", { params: { path: { id: row.id } } });
    toast(what === "retry" ? "It is queued again, with all its attempts." : "It is cancelled.");
  } catch (cause) {
    toastProblem(cause);
  }
  await again("/api/jobs");
}

function Took({ row }: { row: Job }) {
  if (!row.started_at || !row.finished_at) return null;
  return <>{formatDuration(new Date(row.finished_at).getTime() - new Date(row.started_at).getTime())}</>;
}

function OneJob() {
  const { may } = usePermissions();
  return (
    <RecordPage
      kind={job}
      mark={(row) => <JobStatus job={row} />}
      lead={(row) => <span dir="auto">{row.progress_text}</span>}
      primary={(row) => (ENDED.includes(row.state) && may("Job:retry") ? <Button variant="filled" onClick={() => void change("retry", row)}>Run it again</Button> : null)}
      menu={(row) => (OPEN.includes(row.state) && may("Job:cancel") ? <Menu.Item color="red" onClick={() => void change("cancel", row)}>Cancel the job</Menu.Item> : null)}
      facts={(row) => [
        ["Attempt", String(row.attempt)],
        ["Why it failed", row.error && <span dir="auto">{row.error}</span>],
        ["Due", <Time key="due" at={row.run_at} />],
        ["Began", row.started_at && <Time at={row.started_at} />],
        ["Ended", row.finished_at && <Time at={row.finished_at} />],
        ["Took", row.finished_at && row.started_at ? <Took row={row} /> : null],
        ["Schedule", row.schedule],
        ["Key", row.key && <code>{row.key}</code>],
        ["Priority", row.priority === 0 ? null : String(row.priority)],
      ]}
    >
      {(row) => (
        <>
          {row.state === "running" && row.progress !== undefined && <Progress value={row.progress} aria-label={`Progress, ${row.progress} percent`} />}
          {Object.keys(row.payload).length > 0 && <Panel title="What it works on"><Code label="Payload" language="json" lines={16} text={JSON.stringify(row.payload, null, 2)} /></Panel>}
          <JobLog id={row.id} running={OPEN.includes(row.state)} />
        </>
      )}
    </RecordPage>
  );
}

export default function JobsPage() {
  const { id } = useParams();
  return id ? <OneJob /> : <Jobs />;
}
