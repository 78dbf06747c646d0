// SPDX-License-Identifier: Apache-2.0
// A secret that is shown once, with copy. It closes by its button alone, so that no stray key or click loses it.
import { Button, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { Copy } from "../ui";
import styles from "./records.module.css";

export interface Shown {
  title: string;
  secret: string;
  label: string;
  children?: ReactNode;
}

export function Once({ shown, close }: { shown: Shown | null; close: () => void }) {
  return (
    <Modal opened={shown !== null} onClose={close} title={shown?.title} closeOnClickOutside={false} closeOnEscape={false} withCloseButton={false} size={560}>
      {shown && (
        <div className={styles.once}>
          <p>Copy it now. It is not shown again.</p>
          <div className={styles.secret}><code>{shown.secret}</code><Copy text={shown.secret} label={shown.label} /></div>
          {shown.children}
          <div className={styles.end}><Button variant="filled" onClick={close}>I have kept it</Button></div>
        </div>
      )}
    </Modal>
  );
}
