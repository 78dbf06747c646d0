// SPDX-License-Identifier: Apache-2.0
// API keys: made, shown once, given a new value, limited, ended.
import { Button } from "@mantine/core";
import { useState } from "react";
import { again, call } from "../../api";
import type { Schemas } from "../../api";
import { useAddress, useParams } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { Once, RecordList, RecordPage } from "../../records";
import type { Values } from "../../records";
import { Link, Panel, Time } from "../../ui";
import { PermissionMatrix } from "../admin-roles/matrix";
import { KeyEnd, apiKey } from "./kind";
import { Rotate } from "./rotate";

const once = (secret: string | null) => secret && { title: "The key", secret, label: "Copy the key", children: <p>Programs send it as <code>Authorization: Bearer …</code></p> };

async function make(body: Values): Promise<{ key: string; row: Schemas["ApiKey"] }> {
  const { data } = await call("post", "/api/api-keys", { body: body as unknown as Schemas["ApiKeyCreate"] });
  await again("/api/api-keys");
  return { key: data.key, row: data.api_key };
}

/** The list, whose new keys are shown once. Filtered to a service account, new ones are its. */
function Keys() {
  const { query } = useAddress();
  const [key, setKey] = useState<string | null>(null);
  const create = async (body: Values) => {
    const made = await make(body);
    setKey(made.key);
    return made.row;
  };
  return (
    <RecordList kind={apiKey} lead="Programs call with these. Each reaches as far as its scopes, and never further than its owner." create={create} onCreated={() => undefined} initial={{ service_account_id: query.get("service_account_id") }}>
      <Once shown={once(key) || null} close={() => setKey(null)} />
    </RecordList>
  );
}

function Key() {
  const [key, setKey] = useState<string | null>(null);
  const { query, setQuery } = useAddress();
  const { id } = useParams();
  const { may } = usePermissions();
  return (
    <>
      <RecordPage
        kind={apiKey}
        primary={() => (may("ApiKey:update") ? <Button variant="filled" onClick={() => setQuery({ rotate: "1" })}>Give it a new value</Button> : null)}
        facts={(row, names) => [
          ["Of", row.service_account_id ? <Link to={`/admin/service-accounts/${row.service_account_id}`} dir="auto">{names(row.service_account_id)}</Link> : <Link to={`/admin/people/${row.user_id ?? ""}`} dir="auto">{names(row.user_id)}</Link>],
          ["Begins", <code key="prefix">{row.prefix}…</code>],
          ["Last used", row.last_used_at ? <Time at={row.last_used_at} /> : "Never"],
          ["Ends", <KeyEnd key="end" at={row.expires_at} />],
          ["The value before works", row.previous_until && new Date(row.previous_until) > new Date() ? <>until <Time at={row.previous_until} absolute /></> : null],
          ["Requests a minute", row.rate_limit ? String(row.rate_limit.per_minute) : "As all keys"],
        ]}
      >
        {(row) => <Panel plain title="How far it reaches"><PermissionMatrix value={row.scopes} /></Panel>}
      </RecordPage>
      {id && <Rotate id={id} opened={query.get("rotate") !== null} close={() => setQuery({ rotate: null }, { replace: true })} show={setKey} />}
      <Once shown={once(key) || null} close={() => setKey(null)} />
    </>
  );
}

export default function ApiKeys() {
  const { id } = useParams();
  return id ? <Key /> : <Keys />;
}
