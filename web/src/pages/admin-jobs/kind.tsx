// SPDX-License-Identifier: Apache-2.0
import { record } from "../../records";
import type { RowOf } from "../../records";
import { Link, Status, Time } from "../../ui";
import type { State } from "../../ui";

export type Job = RowOf<"/api/jobs">;

export const STATES: { value: Job["state"]; label: string; state: State }[] = [
  { value: "dead", label: "Dead letters", state: "bad" },
  { value: "failed", label: "To be tried again", state: "warn" },
  { value: "running", label: "Running", state: "busy" },
  { value: "queued", label: "Queued", state: "unknown" },
  { value: "succeeded", label: "Succeeded", state: "good" },
  { value: "cancelled", label: "Cancelled", state: "paused" },
];
const WORDS: Record<Job["state"], string> = { dead: "Dead", failed: "Failed, tried again", running: "Running", queued: "Queued", succeeded: "Succeeded", cancelled: "Cancelled" };

export function JobStatus({ job }: { job: Pick<Job, "state" | "progress" | "progress_text"> }) {
  const state = STATES.find(({ value }) => value === job.state)?.state ?? "unknown";
  return <Status state={state}>{WORDS[job.state]}{job.state === "running" && job.progress !== undefined && ` ${job.progress} %`}</Status>;
}

export const job = record({
  path: "/api/jobs",
  resource: "Job",
  one: "job",
  many: "jobs",
  live: ["jobs.*"],
  every: 5000,
  page: "/admin/jobs",
  name: (row) => row.type,
  columns: () => [
    { id: "type", header: "Type", sort: "type", width: "12rem", cell: (row) => <Link to={`/admin/jobs/${row.id}`}>{row.type}</Link> },
    { id: "state", header: "State", width: "9rem", cell: (row) => <JobStatus job={row} /> },
    { id: "error", header: "Why", priority: 1, cell: (row) => <span dir="auto">{row.error ?? row.progress_text}</span> },
    { id: "attempt", header: "Attempt", sort: "attempt", width: "6rem", align: "end", priority: 2, cell: (row) => row.attempt },
    { id: "run_at", header: "Due", sort: "run_at", width: "9rem", priority: 2, cell: (row) => <Time at={row.run_at} /> },
    { id: "finished", header: "Ended", sort: "finished_at", width: "9rem", priority: 3, cell: (row) => row.finished_at && <Time at={row.finished_at} /> },
  ],
  filters: [{ name: "type", label: "Type", text: "Type: webhook.deliver" }],
  can: { history: false },
  empty: { title: "No jobs here", text: "Work that the server does in the background.", code: "fairway jobs list" },
});

export const schedule = record({
  path: "/api/job-schedules",
  resource: "JobSchedule",
  one: "schedule",
  many: "schedules",
  live: [],
  every: 10_000,
  name: (row) => row.name,
  sort: "name",
  columns: () => [
    { id: "name", header: "Name", sort: "name", width: "12rem", cell: (row) => row.name },
    { id: "type", header: "Queues", sort: "type", width: "14rem", priority: 2, cell: (row) => <Link to={`/admin/jobs?state=all&type=${encodeURIComponent(row.type)}`}>{row.type}</Link> },
    { id: "when", header: "When", width: "8rem", priority: 3, cell: (row) => (row.cron ? <code>{row.cron}</code> : `every ${row.every_seconds ?? "?"} s`) },
    { id: "last", header: "Last", sort: "last_at", width: "9rem", cell: (row) => (row.last_at ? <Time at={row.last_at} /> : "never") },
    { id: "next", header: "Next", sort: "next_at", width: "9rem", cell: (row) => <Time at={row.next_at} /> },
  ],
  can: { history: false },
  empty: { title: "No schedules" },
});
