// SPDX-License-Identifier: Apache-2.0
// Has the chain verified by a job, and tells how that went. `?verify=<job>` in the address.
import { Button } from "@mantine/core";
import { call, useChange, useGet } from "../../api";
import { useAddress } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { Link, ProblemView, Status, Time, toastProblem } from "../../ui";
import styles from "./audit.module.css";

const DONE = ["succeeded", "dead", "cancelled"];

export function VerifyButton() {
  const { setQuery } = useAddress();
  const { may } = usePermissions();
  const verify = useChange(() => call("post", "/api/audit-logs/verify"), ["/api/jobs"]);
  if (!may("AuditLog:verify")) return null;
  return (
    <Button variant="filled" loading={verify.isPending} onClick={() => verify.mutate(undefined, { onSuccess: ({ data }) => setQuery({ verify: data.id }), onError: toastProblem })}>
      Verify the trail
    </Button>
  );
}

export function VerifyResult() {
  const { query, setQuery } = useAddress();
  const id = query.get("verify");
  const job = useGet("/api/jobs/{id}", { params: { path: { id: id ?? "" } } }, { enabled: id !== null, live: ["jobs.*"], every: 2000 });
  if (id === null) return null;
  const state = job.data?.state;
  const close = <Button size="xs" variant="subtle" onClick={() => setQuery({ verify: null }, { replace: true })}>Close</Button>;
  return (
    <div className={styles.verify} role="status">
      {job.error && !job.data ? <ProblemView error={job.error} compact /> : null}
      {state === "succeeded" && <Status state="good">The trail is intact</Status>}
      {state === "succeeded" && <span className="fw-faint">Every row and checkpoint was read. <Time at={job.data?.finished_at} /></span>}
      {state === "dead" && <><Status state="bad">The trail is not intact</Status><span>{job.data?.error}</span></>}
      {state === "cancelled" && <Status state="paused">It was cancelled</Status>}
      {state && !DONE.includes(state) && <Status state="busy">Verifying{job.data?.progress ? `, ${job.data.progress} %` : "…"}</Status>}
      {state && <Link to={`/admin/jobs/${id}`}>The job</Link>}
      {close}
    </div>
  );
}
