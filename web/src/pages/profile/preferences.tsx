// SPDX-License-Identifier: Apache-2.0
import { Radio, Stack } from "@mantine/core";
import { APPEARANCES, APPEARANCE_NAMES, setAppearance, useAppearance } from "../../app/appearance";
import type { Appearance } from "../../app/appearance";
import { Panel } from "../../ui";
import styles from "./profile.module.css";

const WORDS: Record<Appearance, string> = {
  system: "Light or dark as your computer says, with high contrast when it asks for more of it.",
  light: "Dark text on light paper.",
  dark: "Light text on dark paper, for dim rooms.",
  contrast: "Black on white with strong lines.",
};

export function Preferences() {
  const appearance = useAppearance();
  return (
    <div className={styles["panels"]}>
      <Panel title="Appearance" id="appearance">
        <Radio.Group value={appearance} onChange={(value) => setAppearance(value as Appearance)} label="Theme" description="Kept in this browser.">
          <Stack gap="sm" mt="sm">
            {APPEARANCES.map((one) => <Radio key={one} value={one} label={APPEARANCE_NAMES[one]} description={WORDS[one]} />)}
          </Stack>
        </Radio.Group>
      </Panel>
    </div>
  );
}
