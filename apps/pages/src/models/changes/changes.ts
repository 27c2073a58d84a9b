// Owns the changes of models that this page makes: running changes, their progress and their results. Draws nothing.
import { signal, type ReadonlySignal } from "@preact/signals";
import { readFrames } from "@waggle/client/following";
import type { ModelDeleted, ModelEvent } from "@waggle/protocol";
import { formatBytes } from "../../parts/format.ts";
import type { Api } from "../../wire/api.ts";
import { responseProblem, unreachable, type Problem } from "../../wire/problem.ts";
import type { ModelProgress } from "../model-words.ts";

/** A browser opens six connections to a worker. Each change holds a connection, and the page needs some connections for its status requests. */
export const changesLimit = 3;
/** Time limit until the response to a change begins. It is long, because an unload waits for the model's last job. */
const changeTimeoutMs = 600_000;

export type ChangeKind = "load" | "unload" | "pin" | "unpin" | "delete" | "swap";

export interface Change {
  readonly kind: ChangeKind;
  /** The model's name. */
  readonly subject: string;
  readonly state: "running" | "failed";
  readonly progress?: ModelProgress;
  readonly problem?: Problem;
}

export interface Changes {
  /** The changes by model; a change is removed when it succeeds. */
  readonly ofModels: ReadonlySignal<ReadonlyMap<string, Change>>;
  /** The result of the last successful change, as a sentence. */
  readonly result: ReadonlySignal<string>;
  /** Whether `changesLimit` changes run; further changes are then ignored. */
  readonly full: ReadonlySignal<boolean>;
  load(model: string): void;
  unload(model: string): void;
  pin(model: string, pinned: boolean): void;
  remove(model: string): void;
  swap(model: string, reference: string, unloadFirst: boolean): void;
  /** Removes a failed change. */
  dismiss(change: Change): void;
}

type Tell = (progress: ModelProgress) => void;

/** The result as a sentence, or the problem. */
type Outcome = string | Problem;

export function createChanges(api: Api, onChanged: () => void): Changes {
  const ofModels = signal<ReadonlyMap<string, Change>>(new Map());
  const result = signal("");
  const full = signal(false);
  let running = 0;

  function put(change: Change | undefined, model: string): void {
    const changed = new Map(ofModels.value);
    if (change === undefined) changed.delete(model);
    else changed.set(model, change);
    ofModels.value = changed;
  }

  function count(by: 1 | -1): void {
    running += by;
    full.value = running >= changesLimit;
  }

  async function attempt(kind: ChangeKind, subject: string, perform: (tell: Tell) => Promise<Outcome>): Promise<void> {
    if (full.peek() || ofModels.peek().get(subject)?.state === "running") return;
    const change: Change = { kind, subject, state: "running" };
    count(1);
    put(change, subject);
    const outcome = await perform((progress) => put({ ...change, progress }, subject)).catch(
      (): Outcome => unreachable,
    );
    count(-1);
    put(typeof outcome === "string" ? undefined : { ...change, state: "failed", problem: outcome }, subject);
    if (typeof outcome === "string") result.value = outcome;
    onChanged();
  }

  /** @param read reads the outcome from a successful response; the connection ends afterwards */
  async function ask(
    method: string,
    path: string,
    body: object | undefined,
    read: (response: Response, connection: AbortController) => Promise<Outcome> | Outcome,
  ): Promise<Outcome> {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const connection = new AbortController();
    const init = { method, ...content, signal: connection.signal, responseTimeoutMs: changeTimeoutMs };
    try {
      const response = await api.request(path, init);
      return response.ok ? await read(response, connection) : await responseProblem(response);
    } finally {
      connection.abort();
    }
  }

  const post = (path: string, body: object, sentence: string) => () => ask("POST", path, body, () => sentence);

  /** @param rest the result's sentence after the model's name */
  const stream = (path: string, body: object, rest: string) => (tell: Tell) =>
    ask("POST", path, body, async (response, connection) => {
      const end = await readToEnd(response, connection, tell);
      return typeof end === "string" ? `${end} ${rest}` : end;
    });

  return {
    ofModels,
    result,
    full,
    load: (model) => void attempt("load", model, stream("/v1/models/load", { model }, "is loaded.")),
    unload: (model) => void attempt("unload", model, post("/v1/models/unload", { model }, `${model} is unloaded.`)),
    pin(model, pinned) {
      const sentence = `${model} is ${pinned ? "pinned" : "no longer pinned"}.`;
      void attempt(pinned ? "pin" : "unpin", model, post("/v1/models/pin", { model, pinned }, sentence));
    },
    remove: (model) =>
      void attempt("delete", model, () =>
        ask("DELETE", `/v1/models/${encodeURIComponent(model)}`, undefined, async (response) => {
          const { freed_bytes: freed } = (await response.json()) as ModelDeleted;
          return `${model} is deleted: ${formatBytes(freed)} freed.`;
        }),
      ),
    swap(model, reference, unloadFirst) {
      const body = { model, reference, unload_first: unloadFirst };
      void attempt("swap", model, stream("/v1/models/swap", body, `is served from ${reference}.`));
    },
    dismiss({ subject, state }) {
      if (state === "failed") put(undefined, subject);
    },
  };
}

/** Reads the progress of a change to its end. @returns the model's name, or a problem; also for a stream that closes early */
async function readToEnd(response: Response, connection: AbortController, tell: Tell): Promise<Outcome> {
  try {
    for await (const frame of readFrames(response, connection)) {
      const event = frame as ModelEvent;
      if (event.type === "progress") tell(event);
      else if (event.type === "done") return event.model.name;
      else return { code: event.code, message: event.message };
    }
  } catch {
    // A broken stream counts as a stream without a result.
  }
  return { code: "unreachable", message: "The worker closed the progress stream without a result." };
}
