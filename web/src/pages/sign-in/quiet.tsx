// SPDX-License-Identifier: Apache-2.0
import { UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import styles from "./sign_in.module.css";

/** A button that looks like a link, for what is aside of the main way. */
export function Quiet({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return <UnstyledButton className={styles["quiet"]} onClick={onClick}>{children}</UnstyledButton>;
}
