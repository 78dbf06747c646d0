// SPDX-License-Identifier: Apache-2.0
// Parts whose code is loaded when they are first shown. Each keeps its place until then, so nothing jumps.
import { Suspense, lazy } from "react";
import type { EditorProps, GraphProps, MarkdownProps, PlotProps } from "./contract";
import { Bones } from "./loaded";

const LazyEditor = lazy(() => import("./heavy/editor"));
const LazyGraph = lazy(() => import("./heavy/graph"));
const LazyPlot = lazy(() => import("./heavy/plot"));
const LazyMarkdown = lazy(() => import("./heavy/markdown"));

const kept = (height: number) => <div style={{ height }}><Bones lines={4} /></div>;

export function Editor(props: EditorProps) {
  return <Suspense fallback={kept((props.lines ?? 20) * 20 + 16)}><LazyEditor {...props} /></Suspense>;
}

export function Graph(props: GraphProps) {
  return <Suspense fallback={kept((props.height ?? 420) + 44)}><LazyGraph {...props} /></Suspense>;
}

export function Plot(props: PlotProps) {
  return <Suspense fallback={kept((props.height ?? 200) + 40)}><LazyPlot {...props} /></Suspense>;
}

export function Markdown(props: MarkdownProps) {
  return <Suspense fallback={<p dir="auto">{props.text}</p>}><LazyMarkdown {...props} /></Suspense>;
}
