// SPDX-License-Identifier: Apache-2.0
import { Modal } from "@mantine/core";
import { Facts } from "../ui";
import { useNavigation } from "./frame";
import { shownKeys } from "./keys";

export function KeyboardHelp({ close }: { close: () => void }) {
  const groups = useNavigation();
  const jumps = groups.flatMap((group) => group.pages).filter((page) => page.nav?.jump);
  const keys = (text: string) => text.split(" ").map((key, i) => <span key={i}>{i > 0 && " "}<kbd>{key}</kbd></span>);
  return (
    <Modal opened onClose={close} title="Keyboard" size="lg">
      <h3>Everywhere</h3>
      <Facts rows={[["Search, or jump to anything", keys("Ctrl K")], ["This list", keys("?")], ...jumps.map((page): [string, React.ReactNode] => [`Go to ${page.nav?.label}`, keys(`g ${page.nav?.jump}`)])]} />
      {shownKeys().length > 0 && <><h3>On this page</h3><Facts rows={shownKeys().map((key) => [key.does, keys(key.keys)])} /></>}
    </Modal>
  );
}
