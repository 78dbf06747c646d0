// SPDX-License-Identifier: Apache-2.0
// The design system. Heavy parts (Editor, Graph, Plot, Markdown) are loaded when they are first shown.
export * from "./contract";
export { Status, stateOfHealth } from "./status";
export { Page, Panel, Tabs } from "./page";
export { Bones, Empty, Loaded, ProblemView } from "./loaded";
export { DataTable } from "./table";
export { Pager } from "./pager";
export { FacetMenu, FilterChip } from "./filters";
export { Copy, EntityLink, Facts, KindIcon, Tags, Time, formatBytes, formatDuration, formatNumber, formatPercent, refOf, parseRef, entityPath } from "./values";
export { Code } from "./code";
export { Changes, Diff } from "./diff";
export { Timeline } from "./timeline";
export { LogView } from "./log";
export { Sparkline, Strip } from "./sparkline";
export { Editor, Graph, Markdown, Plot } from "./heavy";
export { Form } from "./form";
export { confirm, toast, toastProblem } from "./dialogs";
export { ExternalLink, Link } from "./link";
