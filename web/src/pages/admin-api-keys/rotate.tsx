// SPDX-License-Identifier: Apache-2.0
// A new value for a key; the value before works on for a while, so that programs can be changed over.
import { Modal, Select } from "@mantine/core";
import { again, call } from "../../api";
import { Form } from "../../ui";

const OVERLAPS = [{ value: "0", label: "At once: it has leaked" }, { value: "3600", label: "An hour" }, { value: "86400", label: "A day" }, { value: "604800", label: "A week" }];

export function Rotate({ id, opened, close, show }: { id: string; opened: boolean; close: () => void; show: (key: string) => void }) {
  const send = async ({ overlap }: { overlap: string }) => {
    const { data } = await call("post", "/api/api-keys/{id}/rotate", { params: { path: { id } }, body: { overlap_seconds: Number(overlap) } });
    void again("/api/api-keys");
    return data.key;
  };
  const done = (key: unknown) => {
    close();
    show(String(key));
  };
  return (
    <Modal opened={opened} onClose={close} title="Give the key a new value">
      <Form initial={{ overlap: "86400" }} action="Make a new value" send={send} onDone={done} cancel={close}>
        {(form) => <Select label="The value before works on for" data={OVERLAPS} allowDeselect={false} {...form.field("overlap", "select")} />}
      </Form>
    </Modal>
  );
}
