// SPDX-License-Identifier: Apache-2.0
// Accounts at providers that sign somebody in here.
import { useState } from "react";
import { call, useGet } from "../../api";
import type { Schemas } from "../../api";
import { Loaded, Panel, ProblemView, Time, confirm } from "../../ui";
import { arrival } from "../sign-in/arrival";
import { Attempt } from "../sign-in/attempt";
import { useProviders } from "../sign-in/providers";
import type { Provider } from "../sign-in/providers";
import { useIdentityCheck } from "./confirm";
import { factorsChanged } from "./factors";
import styles from "./profile.module.css";

type Identity = Schemas["UserIdentity"];

function Row({ one, title }: { one: Identity; title: string }) {
  const { sure, dialog } = useIdentityCheck();
  const unlink = async () => {
    const isSure = await confirm({
      title: `Unlink ${one.label ?? "the account"} at ${title}?`, danger: true, action: "Unlink",
      children: "It does not sign you in any more. The account itself stays as it is.",
    });
    if (!isSure) return;
    await sure(async () => {
      await call("delete", "/api/auth/identities/{id}", { params: { path: { id: one.id } } });
      await factorsChanged();
    });
  };
  return (
    <li className={styles["row"]}>
      <div>
        <strong dir="auto">{title}</strong>
        <div className="fw-faint">{one.label && <><span dir="auto">{one.label}</span> · </>}linked <Time at={one.created_at} /> · used <Time at={one.last_used_at} /></div>
      </div>
      <div className={styles["buttons"]}><Attempt size="xs" work={unlink} aria-label={`Unlink ${one.label ?? title}`}>Unlink</Attempt></div>
      {dialog}
    </li>
  );
}

function LinkButton({ provider }: { provider: Provider }) {
  const { sure, dialog } = useIdentityCheck();
  /** Leaves the page for the provider, which sends the browser back here. */
  const link = () => sure(async () => {
    arrival.failure = "";
    const { data } = await call("post", "/api/auth/identities", { body: { provider: provider.id, return_to: "/profile/security" } });
    location.assign(data.url);
  });
  return <><Attempt work={link}>Link {provider.title}</Attempt>{dialog}</>;
}

export function AccountsPanel() {
  const providers = useProviders();
  const identities = useGet("/api/auth/identities");
  const [failure] = useState(arrival.failure);
  const all = providers.data?.items ?? [];
  if (all.length === 0 && (identities.data?.items.length ?? 0) === 0 && !failure) return null;
  const isLinked = (one: Provider) => identities.data?.items.some((link) => link.provider === one.id) ?? false;
  return (
    <Panel title="Accounts elsewhere" id="accounts">
      <p className="fw-faint">Accounts at sign-in providers that sign you in here. Nothing else is asked for then: no password and no second factor.</p>
      {failure && <ProblemView error={new Error(failure)} compact />}
      <Loaded query={identities} isEmpty={(found) => found.items.length === 0} empty={null}>
        {(found) => <ul className={styles["rows"]}>{found.items.map((one) => <Row key={one.id} one={one} title={all.find((provider) => provider.id === one.provider)?.title ?? one.provider} />)}</ul>}
      </Loaded>
      {identities.data && <div className={styles["buttons"]}>{all.filter((one) => !isLinked(one)).map((one) => <LinkButton key={one.id} provider={one} />)}</div>}
    </Panel>
  );
}
