// SPDX-License-Identifier: Apache-2.0
// The input of a field of a record.
import { Checkbox, NumberInput, Select, TagsInput, TextInput, Textarea } from "@mantine/core";
import { Editor } from "../ui";
import type { FormHandle } from "../ui";
import type { Field, Values } from "./kind";
import { RecordSelect } from "./picker";
import styles from "./records.module.css";

export function FieldInput<T>({ field, form, editing }: { field: Field<T>; form: FormHandle<Values>; editing: boolean }) {
  if (!(field.when?.(form.values, editing) ?? true)) return null;
  const isFixed = editing && field.fixed === true;
  const words = {
    label: field.label,
    description: isFixed ? "Cannot be changed any more." : field.description,
    withAsterisk: field.required === true,
  };
  const text = form.field(field.name);
  const own = { label: field.label, description: words.description, required: field.required === true, disabled: form.busy || isFixed, error: text.error as string | undefined };
  const set = (value: unknown) => form.set(field.name, value);
  switch (field.input) {
    case "area":
      return <Textarea {...words} {...text} disabled={own.disabled} placeholder={field.placeholder} autosize minRows={2} maxRows={10} dir="auto" />;
    case "number":
      return <NumberInput {...words} {...form.field(field.name, "number")} disabled={own.disabled} hideControls />;
    case "checkbox":
      return <Checkbox label={field.label} description={words.description} {...form.field(field.name, "checkbox")} disabled={own.disabled} />;
    case "list":
      return <TagsInput {...words} {...form.field(field.name, "list")} disabled={own.disabled} placeholder={field.placeholder} splitChars={[",", " "]} acceptValueOnBlur />;
    case "time":
      return <TextInput {...words} {...text} disabled={own.disabled} type="datetime-local" />;
    case "select":
      return <Select {...words} {...form.field(field.name, "select")} disabled={own.disabled} data={field.options} allowDeselect={!field.required} clearable={!field.required} clearButtonProps={{ "aria-label": "Clear" }} />;
    case "record": {
      const value = form.values[field.name];
      return <RecordSelect {...own} clearable={!field.required} of={field.of} within={field.within?.(form.values)} value={typeof value === "string" ? value : null} onChange={set} />;
    }
    case "json":
      return (
        <div className={styles.json}>
          <span className={styles.label}>{field.label}</span>
          {words.description && <span className="fw-faint">{words.description}</span>}
          <Editor label={field.label} language="json" lines={12} value={String(form.values[field.name] ?? "")} onChange={set} readOnly={own.disabled} problems={own.error ? [{ line: 1, message: own.error }] : []} />
          {own.error && <span className={styles.error}>{own.error}</span>}
        </div>
      );
    case "own":
      return <>{field.render({ ...own, value: form.values[field.name], onChange: set }, form.values)}</>;
    default:
      return <TextInput {...words} {...text} disabled={own.disabled} placeholder={field.placeholder} dir="auto" autoComplete="off" />;
  }
}
