// SPDX-License-Identifier: Apache-2.0
// One's own account. "/security" is the address that letters and bookmarks of old lead to.
import { useEffect } from "react";
import { useAddress, useGo, useParams } from "../../app/address";
import { useMe } from "../../app/me";
import { Empty, Page, Tabs } from "../../ui";
import { About } from "./about";
import { Keys } from "./keys";
import { Preferences } from "./preferences";
import styles from "./profile.module.css";
import { Security } from "./security";
import { SessionsPanel } from "./sessions";

const TABS = [
  { id: "", label: "About you" },
  { id: "security", label: "Signing in" },
  { id: "sessions", label: "Sessions" },
  { id: "keys", label: "API keys" },
  { id: "preferences", label: "Preferences" },
];

function Content({ tab, userId }: { tab: string; userId: string }) {
  if (tab === "security") return <Security />;
  if (tab === "sessions") return <div className={styles["panels"]}><SessionsPanel /></div>;
  if (tab === "keys") return <Keys userId={userId} />;
  if (tab === "preferences") return <Preferences />;
  return <About />;
}

export default function Profile() {
  const me = useMe();
  const go = useGo();
  const { path, query } = useAddress();
  const { tab = "" } = useParams();
  const isOld = path === "/security";
  const isKnown = TABS.some((one) => one.id === tab);
  useEffect(() => {
    if (isOld) go(`/profile/security${query.size ? `?${query}` : ""}`, { replace: true });
    else if (!isKnown) go("/profile", { replace: true });
  }, [isOld, isKnown, go, query]);
  if (!me) {
    return (
      <Page title="Preferences" lead="Nobody is asked who they are on this server: there is no profile.">
        <Preferences />
      </Page>
    );
  }
  const current = TABS.find((one) => one.id === tab);
  return (
    <Page title="Profile" documentTitle={current?.id ? `${current.label} · Profile` : "Profile"} lead={<span dir="auto">{me.name}{me.user?.email ? ` · ${me.user.email}` : ""}</span>}>
      <Tabs label="Parts of the profile" tabs={TABS.map((one) => ({ to: one.id ? `/profile/${one.id}` : "/profile", label: one.label, current: one.id === tab }))} />
      {isOld || !current ? <Empty title="One moment" /> : <Content tab={tab} userId={me.id} />}
    </Page>
  );
}
