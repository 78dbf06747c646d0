// SPDX-License-Identifier: Apache-2.0
// Recovery codes: shown once, when they are made; how many are left; making new ones.
import { Button } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { call } from "../../api";
import type { Schemas } from "../../api";
import { Copy, Panel, Status, confirm } from "../../ui";
import { Attempt } from "../sign-in/attempt";
import { useIdentityCheck } from "./confirm";
import { factorsChanged } from "./factors";
import styles from "./profile.module.css";

export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** They have the focus: whoever listens must hear of them, for they are not shown again. */
export function NewCodes({ codes, level = 2, done }: { codes: string[]; level?: 1 | 2; done: () => void }) {
  const section = useRef<HTMLElement>(null);
  useEffect(() => section.current?.focus(), []);
  const Heading = level === 1 ? "h1" : "h2";
  const save = () => download("fairway-recovery-codes.txt", "text/plain", `Recovery codes of ${location.host}, each works once:\n\n${codes.join("\n")}\n`);
  return (
    <section className={styles["newCodes"]} ref={section} tabIndex={-1} aria-labelledby="new-codes" data-new-codes>
      <Heading id="new-codes">Keep these recovery codes</Heading>
      <p>Each lets you in once when you do not have your device. They are shown only now: print them, or keep them in a password manager.</p>
      <ol className={styles["codes"]}>{codes.map((code) => <li key={code}><code>{code}</code></li>)}</ol>
      <div className={styles["buttons"]}>
        <Copy text={codes.join("\n")} label="Copy the codes" />
        <Button leftSection={<IconDownload size={16} aria-hidden="true" />} onClick={save}>Download</Button>
        <Button variant="filled" onClick={done}>I have kept them</Button>
      </div>
    </section>
  );
}

export function RecoveryPanel({ factors, show }: { factors: Schemas["SecondFactors"]; show: (codes: string[]) => void }) {
  const { sure, dialog } = useIdentityCheck();
  const { totp, passkeys, recovery_codes: left } = factors;
  if (!totp && passkeys === 0) return null;
  const renew = async () => {
    if (left > 0 && !(await confirm({ title: "Make new recovery codes?", children: "Those you have now will not work any more.", action: "Make new codes" }))) return;
    await sure(async () => {
      const { data } = await call("post", "/api/auth/recovery-codes");
      show(data.recovery_codes);
      await factorsChanged();
    });
  };
  return (
    <Panel title="Recovery codes" id="recovery">
      <p><Status state={left > 3 ? "good" : left > 0 ? "warn" : "bad"}>{`${left} of 10 left`}</Status></p>
      <p className="fw-faint">For when your device is lost. New codes end those you have.</p>
      <div className={styles["buttons"]}><Attempt work={renew}>Make new codes</Attempt></div>
      {dialog}
    </Panel>
  );
}
