// SPDX-License-Identifier: Apache-2.0
// What is shown in the place of what one may not see: the permission it takes, and who can give it.
import { asProblem, call } from "../api";
import { Link, ProblemView } from "../ui";
import { useQuery } from "@tanstack/react-query";
import styles from "./records.module.css";

const PERMISSION = /\b([A-Z][A-Za-z0-9]*):([a-z][a-z0-9-]*)\b/;

export function isDenied(error: unknown): boolean {
  return asProblem(error).status === 403;
}

function Needed({ permission }: { permission: string }) {
  const [on = "", action = ""] = permission.split(":");
  const answer = useQuery({
    queryKey: ["/api/authz/explain", { permission }],
    queryFn: async () => (await call("post", "/api/authz/explain", { body: { action, on } })).data,
    staleTime: 60_000,
    retry: false,
  });
  const roles = answer.data?.needed?.roles ?? [];
  return (
    <p>
      {roles.length > 0 && <>{roles.length === 1 ? "The role " : "Any of the roles "}{roles.map((role, i) => <span key={role}>{i > 0 && ", "}<code>{role}</code></span>)} has it. </>}
      Ask somebody who is an <code>admin</code> of the platform, or a <code>maintainer</code> of your organization, to give you {roles.length === 1 ? "it" : "one"}; <Link to={`/admin/access?tab=explain&on=${on}&action=${action}`}>see what decides</Link>.
    </p>
  );
}

/** For an error of a page or a panel: a 403 says what is missing, everything else is a problem as any. */
export function DeniedOr({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = asProblem(error);
  if (problem.status !== 403) return <ProblemView error={error} {...(retry ? { retry } : {})} />;
  const [permission] = PERMISSION.exec(problem.message) ?? [];
  return (
    <div className={styles.denied} role="status">
      <h2>{permission ? <>You need the permission <code>{permission}</code></> : "You may not see this"}</h2>
      {permission ? <Needed permission={permission} /> : <p>{problem.message}</p>}
    </div>
  );
}
