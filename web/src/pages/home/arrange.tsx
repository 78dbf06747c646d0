// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Button, Checkbox, Modal } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { PANELS, PANEL_NAMES, moved } from "./arrangement";
import type { Arrangement, PanelId } from "./arrangement";
import styles from "./home.module.css";

interface ArrangeProps {
  shown: PanelId[];
  arrangement: Arrangement;
  change: (next: Arrangement) => void;
  close: () => void;
}

export function Arrange({ shown, arrangement, change, close }: ArrangeProps) {
  const { order, hidden } = arrangement;
  const rows = order.filter((id) => shown.includes(id));
  const toggle = (id: PanelId) => change({ order, hidden: hidden.includes(id) ? hidden.filter((one) => one !== id) : [...hidden, id] });
  /** Past panels that are not there now, so that one press is one step to be seen. */
  const move = (id: PanelId, by: -1 | 1) => {
    const visible = moved(rows, id, by);
    change({ order: [...visible, ...order.filter((one) => !rows.includes(one))], hidden });
  };
  return (
    <Modal opened onClose={close} title="Arrange the home page">
      <ul className={styles.arrange}>
        {rows.map((id, i) => (
          <li key={id}>
            <Checkbox label={PANEL_NAMES[id]} checked={!hidden.includes(id)} onChange={() => toggle(id)} />
            <span>
              <ActionIcon aria-label={`Move ${PANEL_NAMES[id]} up`} disabled={i === 0} onClick={() => move(id, -1)}><IconArrowUp size={16} /></ActionIcon>
              <ActionIcon aria-label={`Move ${PANEL_NAMES[id]} down`} disabled={i === rows.length - 1} onClick={() => move(id, 1)}><IconArrowDown size={16} /></ActionIcon>
            </span>
          </li>
        ))}
      </ul>
      <div className={styles.arrangeEnd}>
        <Button onClick={() => change({ order: [...PANELS], hidden: [] })}>As it was</Button>
        <Button variant="filled" onClick={close}>Done</Button>
      </div>
    </Modal>
  );
}
