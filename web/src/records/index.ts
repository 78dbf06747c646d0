// SPDX-License-Identifier: Apache-2.0
// Pages of records: lists, pages and forms made of a description of the kind.
export { record, capital, shortId } from "./kind";
export type { Collection, Field, Filter, InputProps, Names, RecordKind, RowOf, Values } from "./kind";
export { createRecord, deleteRecord, patchRecord, readRecord, useNames, useRecord, useRecords } from "./api";
export { changesOf } from "./changes";
export { DeniedOr, isDenied } from "./denied";
export { RecordDrawer } from "./drawer";
export { OptionFilter, RecordFilter, RecordFilters, SearchField } from "./filters";
export { CreateForm, EditForm } from "./form";
export { RecordHistory } from "./history";
export { NewButton, RecordList } from "./list";
export { Once } from "./once";
export { RecordPage } from "./page";
export type { RecordTab } from "./page";
export { usePaging } from "./paging";
export { RecordSelect } from "./picker";
export { RecordTable } from "./table";
export { instant, localTime } from "./values";
export { sayAction, sayMany, sayResource } from "./words";
