// SPDX-License-Identifier: Apache-2.0
// Who is here, the theme, and the way out.
import { ActionIcon, Menu } from "@mantine/core";
import { IconCheck, IconKeyboard, IconLogout, IconUser } from "@tabler/icons-react";
import { call } from "../api";
import { toastProblem } from "../ui";
import { useGo } from "./address";
import { APPEARANCES, APPEARANCE_NAMES, setAppearance, useAppearance } from "./appearance";
import { readMe, useMe } from "./me";

function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  return [...(words[0] ?? "?")].slice(0, 1).concat([...(words.length > 1 ? (words.at(-1) ?? "") : "")].slice(0, 1)).join("").toUpperCase();
}

export function UserMenu({ showHelp }: { showHelp: () => void }) {
  const me = useMe();
  const appearance = useAppearance();
  const go = useGo();
  const leave = async () => {
    try {
      await call("post", "/api/auth/logout");
      await readMe();
      go("/");
    } catch (cause) {
      toastProblem(cause);
    }
  };
  return (
    <Menu width={240}>
      <Menu.Target>
        {me ? <ActionIcon size={36} radius="xl" variant="default" aria-label={`${me.name}: account and appearance`}>{initials(me.name)}</ActionIcon>
          : <ActionIcon size={36} radius="xl" aria-label="Appearance and help"><IconUser size={20} /></ActionIcon>}
      </Menu.Target>
      <Menu.Dropdown>
        {me && <Menu.Label>{me.name}</Menu.Label>}
        {me && <Menu.Item leftSection={<IconUser size={16} />} onClick={() => go("/profile")}>Profile and security</Menu.Item>}
        <Menu.Label>Appearance</Menu.Label>
        {APPEARANCES.map((one) => (
          <Menu.Item key={one} role="menuitemradio" aria-checked={appearance === one} closeMenuOnClick={false} onClick={() => setAppearance(one)} rightSection={appearance === one ? <IconCheck size={16} /> : null}>
            {APPEARANCE_NAMES[one]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={16} />} rightSection={<kbd>?</kbd>} onClick={showHelp}>Keyboard</Menu.Item>
        {me && <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void leave()}>Sign out</Menu.Item>}
      </Menu.Dropdown>
    </Menu>
  );
}

