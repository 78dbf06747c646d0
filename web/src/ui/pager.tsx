// SPDX-License-Identifier: Apache-2.0
import { Button } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import type { PagerProps } from "./contract";
import { formatNumber } from "./values";
import styles from "./filters.module.css";

export function Pager({ total, start, shown, earlier, later }: PagerProps) {
  if (shown === 0 && !earlier && !later) return null;
  const range = start !== undefined && shown > 0 ? `${formatNumber(start + 1)}–${formatNumber(start + shown)}` : formatNumber(shown);
  return (
    <nav className={styles.pager} aria-label="Pages">
      <span className="fw-faint" role="status">{total === undefined ? `${range} shown` : `${range} of ${formatNumber(total)}`}</span>
      {(earlier || later) && (
        <span className={styles.steps}>
          <Button size="xs" leftSection={<IconChevronLeft size={14} aria-hidden="true" />} disabled={!earlier} onClick={earlier}>Earlier</Button>
          <Button size="xs" rightSection={<IconChevronRight size={14} aria-hidden="true" />} disabled={!later} onClick={later}>Later</Button>
        </span>
      )}
    </nav>
  );
}
