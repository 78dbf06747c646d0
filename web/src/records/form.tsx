// SPDX-License-Identifier: Apache-2.0
// Creates or changes a record. A change names the revision it began with; when somebody else was quicker it is shown what they
// changed, and one goes on with either.
import { Button } from "@mantine/core";
import { useRef, useState } from "react";
import { Problem, again, asProblem } from "../api";
import { Bones, Changes, Form, toast } from "../ui";
import { createRecord, patchRecord, readRecord, useRecord } from "./api";
import { changesOf } from "./changes";
import { DeniedOr } from "./denied";
import { FieldInput } from "./field";
import { capital } from "./kind";
import type { Collection, Field, RecordKind, RowOf, Values } from "./kind";
import styles from "./records.module.css";
import { check, toBody, toForm, toPatch } from "./values";

interface FormProps<P extends Collection> {
  kind: RecordKind<P>;
  onDone: (row: RowOf<P>) => void;
  cancel: () => void;
  /** What a new one begins with. */
  initial?: Values;
  /** Instead of the POST of the collection. */
  create?: (body: Values, key: string) => Promise<RowOf<P>>;
}

function fieldsOf<P extends Collection>(kind: RecordKind<P>): Field<RowOf<P>>[] {
  return kind.fields ?? [];
}

export function CreateForm<P extends Collection>({ kind, onDone, cancel, initial = {}, create }: FormProps<P>) {
  const fields = fieldsOf(kind);
  const key = useRef(crypto.randomUUID());
  const send = async (values: Values) => {
    const body = toBody(fields, values);
    let row: RowOf<P>;
    try {
      row = create ? await create(body, key.current) : (await createRecord<RowOf<P>>(kind.path, body, key.current)).data;
    } catch (cause) {
      // A key stands for one body: what is mended is sent under a new one. After a lost answer the old one finds what was made.
      if (asProblem(cause).status !== 0) key.current = crypto.randomUUID();
      throw cause;
    }
    void again(kind.path);
    return row;
  };
  return (
    <Form initial={{ ...toForm(fields, undefined), ...initial }} check={(values) => check(fields, values, false)} send={send} onDone={(row) => onDone(row as RowOf<P>)} cancel={cancel} action={`Create the ${kind.one}`}>
      {(form) => <>{fields.map((field) => <FieldInput key={field.name} field={field} form={form} editing={false} />)}{kind.preview?.(form.values)}</>}
    </Form>
  );
}

interface Read<T> {
  row: T;
  etag: string;
}

function Conflict<T>({ kind, before, now, take }: { kind: { one: string }; before: T; now: Read<T>; take: () => void }) {
  return (
    <div className={styles.conflict} role="alert">
      <h3>Somebody changed this {kind.one} meanwhile</h3>
      <p>This is what they changed. Save again to write your fields over it, or begin anew with theirs.</p>
      <Changes changes={changesOf(before, now.row)} />
      <Button onClick={take}>Begin anew with theirs</Button>
    </div>
  );
}

/** What was read when the form was opened stays its beginning: what happens meanwhile must not change what is typed. */
function Editing<P extends Collection>({ kind, first, onDone, cancel }: FormProps<P> & { first: Read<RowOf<P>> }) {
  const fields = fieldsOf(kind);
  const [base, setBase] = useState(first);
  const [now, setNow] = useState<Read<RowOf<P>> | null>(null);
  const began = toForm(fields, base.row as Values);
  const send = async (values: Values) => {
    const patch = toPatch(fields, began, values);
    if (Object.keys(patch).length === 0) return base.row;
    try {
      const { data } = await patchRecord<RowOf<P>>(kind.path, base.row.id, patch, (now ?? base).etag);
      void again(kind.path);
      toast("Saved.");
      return data;
    } catch (cause) {
      if (asProblem(cause).status !== 412) throw cause;
      const { data, etag } = await readRecord<RowOf<P>>(kind.path, base.row.id);
      setNow({ row: data, etag });
      throw new Problem(`Somebody changed this ${kind.one} while you did. What they changed stands above: save again to go on with yours.`, 412);
    }
  };
  const take = () => {
    if (now) setBase(now);
    setNow(null);
  };
  return (
    <>
      {now && <Conflict kind={kind} before={base.row} now={now} take={take} />}
      <Form key={base.etag} initial={began} check={(values) => check(fields, values, true)} send={send} onDone={(row) => onDone(row as RowOf<P>)} cancel={cancel} action="Save">
        {(form) => <>{fields.map((field) => <FieldInput key={field.name} field={field} form={form} editing />)}{kind.preview?.(form.values)}</>}
      </Form>
    </>
  );
}

export function EditForm<P extends Collection>(props: FormProps<P> & { id: string }) {
  const read = useRecord<RowOf<P>>(props.kind.path, props.id, []);
  const opened = useRef<Read<RowOf<P>> | null>(null);
  if (!opened.current && read.data && !read.isFetching) opened.current = read.data;
  if (opened.current) return <Editing {...props} first={opened.current} />;
  if (read.error) return <DeniedOr error={read.error} retry={() => void read.refetch()} />;
  return <Bones lines={6} />;
}

export const newTitle = (kind: { one: string }) => `New ${kind.one}`;
export const editTitle = (kind: { one: string }) => `Edit the ${kind.one}`;
export const missing = (kind: { one: string }) => `${capital(kind.one)} not found`;
