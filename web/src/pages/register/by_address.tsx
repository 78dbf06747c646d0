// SPDX-License-Identifier: Apache-2.0
// Registering the address of a file, or of a repository that has some: looked at first, then read again and again.
import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { stringify } from "yaml";
import { again, call, useChange } from "../../api";
import { useAddress, useGo } from "../../app/address";
import { Code, Link, Loaded, Panel, ProblemView, formatNumber, toast } from "../../ui";
import type { Entity } from "../catalog/plain";
import { keepText } from "./by_text";
import { useFindings } from "./compare";
import { Findings } from "./findings";
import { addressProblem, preview } from "./preview";
import type { Preview } from "./preview";
import styles from "./register.module.css";

function Failure({ error, retry }: { error: Error; retry: () => void }) {
  return (
    <>
      <ProblemView error={error} retry={retry} />
      {/Unable to read/.test(error.message)
        ? <p className={styles.advice}>The server itself reads the address: it needs an integration for the host, or the host under <code>backend.reading.allow</code>. A private file needs the integration’s token.</p>
        : <p className={styles.advice}>Mend the file where it lies, then preview it again. On your computer <code>fairway catalog validate</code> finds the same mistakes.</p>}
    </>
  );
}

/** A repository without an entity file gets one to put there. */
function Guess({ entity }: { entity: Entity }) {
  const go = useGo();
  const text = stringify(entity);
  return (
    <>
      <p className={styles.sum}>No entity file was found there, or the repository cannot be read. One like this, as <code>catalog-info.yaml</code> at its top, describes it:</p>
      <Code label="catalog-info.yaml" text={text} language="yaml" />
      <div className={styles.foot}><Button onClick={() => { keepText(text); go("/catalog/-/register?from=text"); }}>Write it here instead</Button></div>
    </>
  );
}

function Register({ target, found }: { target: string; found: Preview }) {
  const go = useGo();
  const open = found.targets.filter((one) => !found.registered.includes(one));
  const register = useChange(async () => {
    for (const one of open) await call("post", "/api/catalog/locations", { params: { query: { onConflict: "refresh" } }, body: { type: "url", target: one } });
  }, ["/api/catalog", "/api/sources"]);
  const done = () => {
    toast(open.length === 1 ? "Registered. It is read now, and then again and again." : `${open.length} files are registered and read now.`);
    go(`/catalog/-/locations?q=${encodeURIComponent(open.length === 1 ? (open[0] ?? "") : target)}`);
  };
  return (
    <>
      {found.registered.length > 0 && (
        <p className={styles.advice}>
          {found.registered.length === found.targets.length ? "This is registered already." : `${formatNumber(found.registered.length)} of ${formatNumber(found.targets.length)} files are registered already.`}{" "}
          <Link to={`/catalog/-/locations?q=${encodeURIComponent(found.registered[0] ?? "")}`}>Show it among the locations</Link>
        </p>
      )}
      {open.length > 0 && found.entities.length > 0 && (
        <div className={styles.foot}>
          <Button variant="filled" loading={register.isPending} onClick={() => register.mutate(undefined, { onSuccess: done })}>
            {open.length === 1 ? "Register this address" : `Register ${formatNumber(open.length)} files`}
          </Button>
          <span className="fw-faint">It is read now, and again whenever it changes.</span>
        </div>
      )}
      {register.error && <ProblemView error={register.error} />}
    </>
  );
}

export function ByAddress() {
  const { query, setQuery } = useAddress();
  const target = query.get("target") ?? "";
  const [typed, setTyped] = useState(target);
  const [wrong, setWrong] = useState("");
  const found = useQuery<Preview, Error>({
    queryKey: ["/api/catalog/locations", "preview", target], queryFn: ({ signal }) => preview(target, signal), enabled: target !== "" && addressProblem(target) === "", retry: false, staleTime: 60_000,
  });
  const ours = (found.data?.targets ?? []).map((one) => `url:${one}`);
  const findings = useFindings(target, found.data?.entities, ours);
  const look = () => {
    const next = typed.trim();
    const problem = addressProblem(next);
    setWrong(problem);
    if (problem) return;
    if (next === target) void again("/api/catalog/locations");
    else setQuery({ target: next }, { replace: true });
  };
  return (
    <>
      <form className={styles.address} onSubmit={(event) => { event.preventDefault(); look(); }} noValidate>
        <TextInput
          className={styles.addressField}
          label="Address of a file or repository"
          description="As your code host shows it: https://github.com/acme/shop/blob/main/catalog-info.yaml, or https://github.com/acme/shop"
          type="url"
          value={typed}
          error={wrong}
          maxLength={2000}
          onChange={(event) => { setTyped(event.currentTarget.value); setWrong(""); }}
        />
        <Button type="submit" loading={found.isFetching} variant={found.data ? "default" : "filled"}>Preview</Button>
      </form>
      {target && !wrong && (
        <Panel title="What it would make">
          {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : found.data?.guess ? <Guess entity={found.data.guess} /> : (
            <>
              <Loaded query={findings} isEmpty={(data) => data.length === 0} empty={<p>There is no entity at this address.</p>}>
                {(data) => <Findings findings={data} />}
              </Loaded>
              {found.data && <Register target={target} found={found.data} />}
            </>
          )}
        </Panel>
      )}
    </>
  );
}
