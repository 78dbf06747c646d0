// SPDX-License-Identifier: Apache-2.0
// "May they do this here, and why?" The question is in the address, so that an answer can be linked to.
import { Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { call } from "../../api";
import type { Schemas } from "../../api";
import { useAddress } from "../../app/address";
import { DeniedOr, RecordSelect, sayMany, useNames } from "../../records";
import type { Names } from "../../records";
import { Bones, Link, Panel, Status } from "../../ui";
import { usePermissionsThereAre } from "../admin-roles/contract";
import styles from "./access.module.css";
import { SCOPES, SUBJECTS, Scope, Subject, bindingIds, optionsOf } from "./kind";
import type { Binding } from "./kind";

type Question = Schemas["AccessQuestion"];
type Decision = Schemas["AccessDecision"];
type Asked = Record<"who" | "subject" | "on" | "action" | "where" | "scope" | "environment", string | null>;
const NAMES = ["who", "subject", "on", "action", "where", "scope", "environment"] as const;

function questionOf(asked: Asked): Question | null {
  const { who, subject, on, action, where, scope, environment } = asked;
  if (!on || !action || (who && who !== "me" && !subject) || (where && where !== "platform" && !scope)) return null;
  return {
    on, action,
    ...(who && who !== "me" && subject ? { subject: { kind: who as Binding["subject_kind"], id: subject } } : {}),
    ...(where ? { scope: { kind: where as Binding["scope_kind"], ...(scope && where !== "platform" ? { id: scope } : {}) } } : {}),
    ...(where === "service" && environment ? { environment_id: environment } : {}),
  };
}

function idsIn(question: Question, { rule, needed }: Decision): Record<string, string[]> {
  const places = [question.scope, rule?.scope, ...(needed?.scopes ?? [])];
  const found = bindingIds(places.flatMap((place) => (place?.id ? [{ subject_kind: "user" as const, subject_id: "", scope_kind: place.kind, scope_id: place.id }] : [])));
  for (const subject of [question.subject, rule?.subject]) {
    const known = subject?.kind ? (SUBJECTS[subject.kind as Binding["subject_kind"]] as { path: string } | undefined) : undefined;
    if (known && subject?.id) (found[known.path] ??= []).push(subject.id);
  }
  return found;
}

function Rule({ rule, names }: { rule: NonNullable<Decision["rule"]>; names: Names }) {
  return (
    <p>
      The <Link to={`/admin/access/${rule.binding_id}`}>binding</Link> of the role <code>{rule.role}</code> {rule.effect === "deny" ? "denies" : "gives"} <code>{rule.pattern}</code>
      {rule.subject.id && <> to <Subject kind={rule.subject.kind ?? ""} id={rule.subject.id} names={names} /></>}, at <Scope kind={rule.scope.kind} id={rule.scope.id} names={names} sentence />.
      {rule.effect === "deny" && " A denial outweighs every role that gives it, there and below."}
    </p>
  );
}

function Needed({ needed, names }: { needed: NonNullable<Decision["needed"]>; names: Names }) {
  const { roles, scopes } = needed;
  return (
    <p>
      It would be allowed by {roles.length === 0 && <>a role with <code>{needed.permission}</code> (there is none yet)</>}
      {roles.length > 0 && <>the role {roles.map((role, i) => <span key={role}>{i > 0 && (i === roles.length - 1 ? " or " : ", ")}<code>{role}</code></span>)}</>}
      , bound at {scopes.map((scope, i) => <span key={`${scope.kind} ${scope.id ?? ""}`}>{i > 0 && (i === scopes.length - 1 ? " or " : ", ")}<Scope kind={scope.kind} id={scope.id} names={names} sentence /></span>)}.
      {" "}<Link to="/admin/access?new=1">Bind one</Link>
    </p>
  );
}

function Answered({ question, decision }: { question: Question; decision: Decision }) {
  const names = useNames(idsIn(question, decision));
  const isAllowed = decision.decision === "allow";
  return (
    <div className={styles.answer} role="status">
      <h3><Status state={isAllowed ? "good" : "bad"}>{isAllowed ? "Allowed" : "Not allowed"}</Status></h3>
      <p>
        {question.subject ? <Subject kind={question.subject.kind} id={question.subject.id} names={names} /> : "You"} may {!isAllowed && "not "}
        <strong>{question.action}</strong> {sayMany(question.on)} at <Scope kind={question.scope?.kind ?? "platform"} id={question.scope?.id} names={names} sentence />.
      </p>
      {decision.rule ? <Rule rule={decision.rule} names={names} /> : <p>{decision.reason}</p>}
      {decision.needed && <Needed needed={decision.needed} names={names} />}
    </div>
  );
}

function Answer({ question }: { question: Question }) {
  const answer = useQuery({
    queryKey: ["/api/authz/explain", question],
    queryFn: async () => (await call("post", "/api/authz/explain", { body: question })).data,
    meta: { live: ["roles.*", "role-bindings.*", "team-memberships.*"] },
    retry: false,
  });
  if (answer.data) return <Answered question={question} decision={answer.data} />;
  return answer.error ? <DeniedOr error={answer.error} retry={() => void answer.refetch()} /> : <Bones lines={3} />;
}

export function Explain() {
  const { query, setQuery } = useAddress();
  const given = Object.fromEntries(NAMES.map((name) => [name, query.get(name)])) as Asked;
  const [form, setForm] = useState<Asked>({ ...given, who: given.who ?? "me", where: given.where ?? "platform" });
  const { resources } = usePermissionsThereAre();
  const set = (changes: Partial<Asked>) => setForm({ ...form, ...changes });
  const subjectPath = SUBJECTS[form.who as Binding["subject_kind"]]?.path;
  const scopePath = SCOPES[form.where as Binding["scope_kind"]]?.path;
  const asked = questionOf(given);
  const ready = questionOf(form);
  const ask = (event: FormEvent) => {
    event.preventDefault();
    if (ready) setQuery({ ...form });
  };
  return (
    <Panel title="May they, and why?">
      <form className={styles.question} onSubmit={ask}>
        <Select label="Who" data={[{ value: "me", label: "I myself" }, ...optionsOf(SUBJECTS)]} value={form.who} onChange={(who) => set({ who, subject: null })} allowDeselect={false} />
        {subjectPath && <RecordSelect key={subjectPath} label="Which one" of={subjectPath} value={form.subject} onChange={(subject) => set({ subject })} />}
        <Select label="wants to" placeholder="read" searchable data={resources.get(form.on ?? "") ?? []} value={form.action} onChange={(action) => set({ action })} disabled={!form.on} description={form.on ? undefined : "Choose of what first."} />
        <Select label="what" placeholder="Service" searchable data={[...resources.keys()]} value={form.on} onChange={(on) => set({ on, action: (resources.get(on ?? "") ?? []).includes(form.action ?? "") ? form.action : null })} />
        <Select label="at" data={optionsOf(SCOPES)} value={form.where} onChange={(where) => set({ where, scope: null, environment: null })} allowDeselect={false} />
        {scopePath && <RecordSelect key={scopePath} label="Which place" of={scopePath} value={form.scope} onChange={(scope) => set({ scope })} />}
        {form.where === "service" && <RecordSelect label="Deployed in" of="/api/environments" clearable value={form.environment} onChange={(environment) => set({ environment })} />}
        <Button type="submit" variant="filled" disabled={!ready}>Explain</Button>
      </form>
      {asked && <Answer question={asked} />}
    </Panel>
  );
}
