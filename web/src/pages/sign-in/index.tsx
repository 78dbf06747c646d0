// SPDX-License-Identifier: Apache-2.0
// The page of signing in; also what any other page is while nobody is here, or while somebody has yet to set up the second
// factor that is required of them.
import { useEffect, useState } from "react";
import { useAddress, useGo } from "../../app/address";
import { useSession } from "../../app/me";
import { Code } from "../../ui";
import { arrival } from "./arrival";
import type { SecondStepAsked } from "./enter";
import { SignInForm } from "./form";
import { OneTime } from "./one_time";
import { SetUpFactor } from "./set_up";
import styles from "./sign_in.module.css";

function Brand() {
  return (
    <p className={styles["brand"]}>
      <svg aria-hidden="true" viewBox="0 0 24 24" width="28" height="28">
        <path fill="currentColor" d="M12 2a3 3 0 0 0-1.2 5.75V9H8v2h2.8v8.85A7.6 7.6 0 0 1 4.9 15l1.6-.9L3 11v5a9.6 9.6 0 0 0 9 6 9.6 9.6 0 0 0 9-6v-5l-3.5 3.1 1.6.9a7.6 7.6 0 0 1-5.9 4.85V11H16V9h-2.8V7.75A3 3 0 0 0 12 2Zm0 2a1 1 0 1 1 0 2 1 1 0 0 1 0-2Z" />
      </svg>
      Fairway
    </p>
  );
}

function NoAccount() {
  return (
    <details className={styles["help"]}>
      <summary>No account yet?</summary>
      <p>Ask an administrator to invite you: the letter, or they themselves, give you a link that sets your password.</p>
      <p>Is this a new installation? The link of the first administrator was printed where the server was started. It works once, within an hour; starting the server again prints another. Who is locked out gets one by:</p>
      <Code label="Command that prints a link" language="sh" text="fairway users reset-link you@example.com" />
    </details>
  );
}

/** Where to go on from "/sign-in": a path of this portal, never another host. */
function onwardOf(query: URLSearchParams): string {
  const to = query.get("to") ?? "/";
  return /^\/(?![/\\])/.test(to) && !to.startsWith("/sign-in") ? to : "/";
}

function Content() {
  const { me } = useSession();
  const { path, query } = useAddress();
  const [token, setToken] = useState(arrival.oneTime);
  const [asked, setAsked] = useState<SecondStepAsked>();
  const leave = () => {
    arrival.oneTime = "";
    setToken("");
  };
  if (asked) return <SignInForm asked={asked} />;
  if (token) return <OneTime asked={(step) => { leave(); setAsked(step); }} leave={leave} />;
  if (me?.second_factor_missing) return <SetUpFactor />;
  if (me && path === "/sign-in" && query.has("elsewhere")) return <><h1>You are signed in</h1><p>Close this tab and go on in the one you came from.</p></>;
  return <><SignInForm /><NoAccount /></>;
}

export default function SignIn() {
  const session = useSession();
  const { path, query } = useAddress();
  const go = useGo();
  const isThere = path === "/sign-in" && !query.has("elsewhere") && !arrival.oneTime && (session.open || (session.me !== null && !session.me.second_factor_missing));
  useEffect(() => {
    if (isThere) go(onwardOf(query), { replace: true });
    else document.title = "Sign in · Fairway";
  }, [isThere, go, query]);
  return (
    <main className={styles["page"]} id="main">
      <Brand />
      <div className={styles["card"]}>{!isThere && <Content />}</div>
    </main>
  );
}
