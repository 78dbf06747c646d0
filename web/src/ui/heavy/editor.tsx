// SPDX-License-Identifier: Apache-2.0
// CodeMirror in our colours. Tab moves on, as everywhere: indenting is by spaces or Ctrl+].
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { nonce } from "../../app/boot";
import type { EditorProps } from "../contract";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.keyword], color: "var(--fw-sea)" },
  { tag: [tags.string, tags.content], color: "var(--fw-ink)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--fw-busy)" },
  { tag: [tags.comment, tags.meta], color: "var(--fw-faint)", fontStyle: "italic" },
]);

const look = EditorView.theme({
  "&": { backgroundColor: "var(--fw-paper)", color: "var(--fw-ink)", border: "1px solid var(--fw-edge)", borderRadius: "8px", fontSize: "12.5px" },
  "&.cm-focused": { outline: "2px solid var(--fw-sea)", outlineOffset: "1px" },
  ".cm-content": { fontFamily: "var(--fw-mono)", lineHeight: "20px", caretColor: "var(--fw-ink)" },
  ".cm-gutters": { backgroundColor: "var(--fw-paper)", color: "var(--fw-faint)", border: "0", fontFamily: "var(--fw-mono)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--fw-wash) 60%, transparent)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--fw-sea-wash) !important" },
  ".cm-cursor": { borderLeftColor: "var(--fw-ink)" },
  ".cm-panels, .cm-tooltip": { backgroundColor: "var(--fw-surface)", color: "var(--fw-ink)", borderColor: "var(--fw-line)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--fw-bad)" },
});

export default function Editor({ label, value, onChange, language, problems = [], readOnly, lines = 20 }: EditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const changed = useRef(onChange);
  changed.current = onChange;
  const options = useRef(new Compartment());

  useEffect(() => {
    const editor = new EditorView({
      parent: place.current as HTMLDivElement,
      state: EditorState.create({
        doc: value,
        extensions: [
          lineNumbers(), foldGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(), highlightActiveLine(), highlightSelectionMatches(), lintGutter(), indentUnit.of("  "),
          keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...foldKeymap]),
          language === "yaml" ? yaml() : language === "json" ? json() : [],
          syntaxHighlighting(colours), look, EditorView.lineWrapping, EditorView.cspNonce.of(nonce),
          EditorView.theme({ ".cm-scroller": { maxHeight: `${lines * 20 + 16}px`, minHeight: `${Math.min(lines, 6) * 20 + 16}px`, overflow: "auto" } }),
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", spellcheck: "false" }),
          options.current.of([]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current?.(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [language, label, lines]);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({ effects: options.current.reconfigure([EditorState.readOnly.of(readOnly === true), EditorView.editable.of(readOnly !== true)]) });
  }, [readOnly, language]);
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const { doc } = editor.state;
    editor.dispatch(setDiagnostics(editor.state, problems.filter((one) => one.line >= 1 && one.line <= doc.lines).map((one) => {
      const line = doc.line(one.line);
      return { from: Math.min(line.to, line.from + Math.max(0, (one.column ?? 1) - 1)), to: line.to, severity: "error" as const, message: one.message };
    })));
  }, [problems, value]);

  return <div ref={place} />;
}
