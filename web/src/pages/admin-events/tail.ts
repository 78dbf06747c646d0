// SPDX-License-Identifier: Apache-2.0
// Follows the stream of events: the last ones first, then each as it happens, in batches, resumed where it broke off.
import { useEffect, useReducer, useRef } from "react";
import { asProblem, call } from "../../api";
import type { Schemas } from "../../api";

export type Event = Schemas["Event"];

/** How many are kept; older ones fall out. */
export const MOST = 500;
const BACK = 100;
const BATCH = 250;
/** No event has this type: a page of it tells where the stream ends. */
const NO_TYPE = "none.none";

interface Tail {
  events: Event[];
  /** Came while it was paused. */
  waiting: number;
  state: "connecting" | "live" | "away";
  error: unknown;
}

type Step = { came: Event[]; paused: boolean } | { state: Tail["state"]; error?: unknown } | "go on" | "begin";
const START: Tail = { events: [], waiting: 0, state: "connecting", error: null };

export interface Filter {
  types: string;
  subject: string;
}

const ask = ({ types, subject }: Filter) => ({ ...(types ? { types } : {}), ...(subject ? { subject } : {}) });
const position = (number: number) => String(Math.max(0, number)).padStart(16, "0");

/** The latest events and where the stream goes on. */
async function latest(filter: Filter, signal: AbortSignal): Promise<{ events: Event[]; after: string | undefined }> {
  const end = await call("get", "/api/events", { params: { query: { types: NO_TYPE, limit: 1 } }, signal });
  if (end.data.more) return { events: [], after: undefined };
  const page = await call("get", "/api/events", { params: { query: { ...ask(filter), after: position(Number(end.data.position) - BACK), limit: BACK } }, signal }).catch((cause: unknown) => {
    if (asProblem(cause).status === 410) return null; // those are no longer kept
    throw cause;
  });
  return { events: page?.data.items ?? [], after: page?.data.position ?? end.data.position };
}

/** Server-sent events out of a stream of bytes; gives the last position. */
async function* messages(stream: ReadableStream<Uint8Array>): AsyncGenerator<{ id: string; event: string; data: string }> {
  const reader = stream.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const found = { id: "", event: "", data: "" };
      for (const line of block.split("\n")) {
        const at = line.indexOf(":");
        const name = line.slice(0, at) as keyof typeof found;
        if (at > 0 && name in found) found[name] = line.slice(at + 1).replace(/^ /, "");
      }
      yield found;
    }
  }
}

export function useTail(filter: Filter, paused: boolean): Tail & { goOn: () => void } {
  const isPaused = useRef(paused);
  isPaused.current = paused;
  const held = useRef<Event[]>([]);
  const [tail, step] = useReducer((before: Tail, next: Step): Tail => {
    if (next === "begin") return START;
    if (next === "go on") return { ...before, waiting: 0 };
    if ("state" in next) return { ...before, state: next.state, error: next.error ?? null };
    return next.paused ? { ...before, waiting: before.waiting + next.came.length } : { ...before, events: [...[...next.came].reverse(), ...before.events].slice(0, MOST) };
  }, START);
  const { types, subject } = filter;

  useEffect(() => {
    const stop = new AbortController();
    let batch: Event[] = [];
    let timer = 0;
    const flush = () => {
      timer = 0;
      if (isPaused.current) held.current = [...held.current, ...batch].slice(-MOST);
      step({ came: batch, paused: isPaused.current });
      batch = [];
    };
    const take = (event: Event) => {
      batch.push(event);
      if (!timer) timer = window.setTimeout(flush, BATCH);
    };
    const follow = async () => {
      let { events, after } = await latest({ types, subject }, stop.signal);
      step({ came: events, paused: false });
      for (;;) {
        try {
          const { data } = await call("get", "/api/events", {
            params: { query: { ...ask({ types, subject }), ...(after ? { after } : {}) } }, headers: { Accept: "text/event-stream" }, parseAs: "stream", signal: stop.signal,
          } as never);
          step({ state: "live" });
          for await (const message of messages(data as unknown as ReadableStream<Uint8Array>)) {
            if (message.id) after = message.id;
            if (message.data && message.event !== "stream.reset") take(JSON.parse(message.data) as Event);
          }
        } catch (cause) {
          if (stop.signal.aborted || !asProblem(cause).mayPass && asProblem(cause).status > 0) throw cause;
        }
        step({ state: "away" });
        await new Promise((resolve) => setTimeout(resolve, 2000));
        if (stop.signal.aborted) return;
      }
    };
    held.current = [];
    step("begin");
    follow().catch((cause: unknown) => { if (!stop.signal.aborted) step({ state: "away", error: cause }); });
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [types, subject]);

  const goOn = () => {
    const came = held.current;
    held.current = [];
    step("go on");
    step({ came, paused: false });
  };
  return { ...tail, goOn };
}
