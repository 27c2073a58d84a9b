// Owns the worker's downloads as this page sees them: it starts, stops and deletes them, and asks for their progress. Draws nothing.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Download, Downloads as DownloadList } from "@waggle/protocol";
import { readJson, type Api } from "../../wire/api.ts";
import { responseProblem, unreachable, type Problem } from "../../wire/problem.ts";

const pollIntervalMs = 1_000;
/** A worker answers these requests at once, unless its disk is slow. */
const requestTimeoutMs = 60_000;

/** What the page knows of the download of a reference. */
export interface DownloadView {
  /** Undefined while the worker has not listed it. */
  readonly download: Download | undefined;
  /** Whether a request of this page is on its way. */
  readonly asking: boolean;
  /** Why the worker refused the last request. */
  readonly problem: Problem | undefined;
}

export interface Downloads {
  /** As the worker last listed them. */
  readonly all: ReadonlySignal<readonly Download[]>;
  /** Names of the downloads that failed while this page was open, and were not tried again. */
  readonly failed: ReadonlySignal<readonly string[]>;
  /** The last result, as a sentence. */
  readonly result: ReadonlySignal<string>;
  /** References that a row of the page shows, so that no second row is needed. */
  readonly shown: ReadonlySignal<ReadonlyMap<string, number>>;
  view(reference: string): DownloadView;
  /** Starts or continues a download. It belongs to the worker: the page may leave. @param reference as typed, or as listed */
  start(reference: string): Promise<void>;
  /** Stops a download. The part that is here is kept. */
  stop(reference: string): Promise<void>;
  /** Deletes what an unfinished download has left. @param wanted its reference, or its name without one */
  remove(wanted: string): Promise<void>;
  refresh(): Promise<void>;
  /** Notes that a row shows a reference. @returns ends that */
  show(reference: string): () => void;
}

/** @param onDone called after each finished download */
export function createDownloads(api: Api, onDone: () => void): Downloads {
  const all = signal<readonly Download[]>([]);
  /** The last request for each reference, until the list shows what became of it. */
  const requests = signal<ReadonlyMap<string, "asking" | Problem>>(new Map());
  const shown = signal<ReadonlyMap<string, number>>(new Map());
  const failures = signal<ReadonlySet<string>>(new Set());
  /** Whole references by their listed form, which lacks the query and the SHA-256 that are needed to continue. */
  const typed = new Map<string, string>();
  const result = signal("");
  let timer: ReturnType<typeof setTimeout> | undefined;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    clearTimeout(timer);
    const list = await readJson<DownloadList>(api, "/v1/downloads");
    if (list !== undefined) take(list.downloads);
    clearTimeout(timer);
    if (all.peek().some(isRunning)) timer = setTimeout(() => void refresh(), pollIntervalMs);
  }

  function refresh(): Promise<void> {
    return (reading ??= read().finally(() => (reading = undefined)));
  }

  function take(next: readonly Download[]): void {
    const before = all.peek();
    all.value = next;
    const isNew = ({ reference = "" }: Download): boolean =>
      requests.peek().get(reference) === "asking" ||
      before.some((old) => old.reference === reference && isRunning(old));
    const failing = next.filter(({ state, reference = "" }) => state === "failed" && failures.peek().has(reference));
    const failed = next.filter((download) => download.state === "failed" && isNew(download));
    failures.value = new Set([...failing, ...failed].map(({ reference = "" }) => reference));
    // The worker has accepted it, whatever became of the request.
    for (const { reference = "", state } of next)
      if ((state === "running" || state === "done") && requests.peek().get(reference) !== "asking")
        put(reference, undefined);
    const done = next.filter((download) => download.state === "done" && isNew(download));
    if (done.length === 0) return;
    result.value = done.map(({ name }) => `${name} is downloaded.`).join(" ");
    onDone();
  }

  async function send(subject: string, method: string, path: string, body?: object): Promise<void> {
    put(subject, "asking");
    const connection = new AbortController();
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    try {
      const init = { method, ...content, signal: connection.signal, responseTimeoutMs: requestTimeoutMs };
      const response = await api.request(path, init);
      if (!response.ok) put(subject, await responseProblem(response));
    } catch {
      put(subject, unreachable);
    }
    // A pull answers with a stream of its progress, which the page asks for in another way: that survives a reload and needs no connection.
    connection.abort();
    await reading;
    await refresh();
    if (requests.peek().get(subject) === "asking") put(subject, undefined);
  }

  function put(subject: string, request: "asking" | Problem | undefined): void {
    if (request === requests.peek().get(subject)) return;
    const changed = new Map(requests.peek());
    if (request === undefined) changed.delete(subject);
    else changed.set(subject, request);
    requests.value = changed;
  }

  function count(reference: string, by: 1 | -1): void {
    const changed = new Map(shown.peek());
    const now = (changed.get(reference) ?? 0) + by;
    if (now > 0) changed.set(reference, now);
    else changed.delete(reference);
    shown.value = changed;
  }

  return {
    all,
    failed: computed(() =>
      all.value.filter(({ reference = "" }) => failures.value.has(reference)).map(({ name }) => name),
    ),
    result,
    shown,
    view(reference) {
      const request = requests.value.get(reference);
      const asking = request === "asking";
      const download = all.value.find((one) => one.reference === reference);
      return { download, asking, problem: asking ? undefined : request };
    },
    start(reference) {
      const listed = listedForm(reference);
      if (listed !== reference) typed.set(listed, reference);
      return send(listed, "POST", "/v1/models/pull", { reference: typed.get(listed) ?? reference });
    },
    stop: (reference) => send(reference, "DELETE", `/v1/downloads/${encodeURIComponent(reference)}`),
    remove: (wanted) => send(wanted, "DELETE", `/v1/models/${encodeURIComponent(wanted)}`),
    refresh,
    show(reference) {
      count(reference, 1);
      return () => count(reference, -1);
    },
  };
}

export function isRunning({ state }: Download): boolean {
  return state === "running";
}

/** A reference as the worker lists it: a URL without its user, query and fragment, which may be secret. */
export function listedForm(reference: string): string {
  if (!/^https?:/i.test(reference)) return reference;
  return reference.replace(/[?#].*$/s, "").replace(/\/\/[^/\\]*@/, "//");
}

/** Whether a text is a reference, which can be downloaded without a search. */
export function isReference(text: string): boolean {
  return /^(?:hf|ollama):\S+$|^https?:\/\/\S+$/i.test(text);
}
