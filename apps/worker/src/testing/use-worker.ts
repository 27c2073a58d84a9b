// Owns the workers that a test starts, and requests to the last one. After the test, all its workers are closed.
import type { Conversation, GenerateWork } from "@waggle/engine";
import type { StepGate } from "@waggle/engine/testing";
import type { App } from "@waggle/front";
import type { Job } from "@waggle/jobs";
import type { StreamEvent } from "@waggle/protocol";
import { afterEach, expect } from "vitest";
import { createInlineWorker } from "./inline-worker.ts";
import type { InlineWorker, InlineWorkerOptions } from "./inline-worker.ts";
import { lastConversationOf, lastWorkOf } from "./last-work.ts";

export type Json = Record<string, unknown>;
type Headers = Readonly<Record<string, string>>;

export interface UsedWorker<Worker, Args extends readonly unknown[]> {
  /** The worker that was started last. */
  readonly worker: Worker;
  start(...args: Args): Worker;
  /** Sends texts and streams as they are, and other bodies as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Headers, signal?: AbortSignal): Promise<Response>;
  post(path: string, body: unknown, headers?: Headers, signal?: AbortSignal): Promise<Response>;
  get(path: string, headers?: Headers): Promise<Response>;
  /** The JSON of a POST. Checks that the status is 200. */
  answerOf(path: string, body: unknown, headers?: Headers): Promise<Json>;
  /** The JSON of a GET. Checks that the status is 200. */
  read(path: string, headers?: Headers): Promise<Json>;
}

interface Closable {
  readonly app: App;
  close(): Promise<void>;
}

/** Call at the top of a test file. Each test has to start its worker. */
export function useWorker<Worker extends Closable, Args extends readonly unknown[]>(
  create: (...args: Args) => Worker,
): UsedWorker<Worker, Args> {
  const started: Worker[] = [];
  afterEach(async () => {
    for (const worker of started.splice(0)) await worker.close();
  });

  const used: UsedWorker<Worker, Args> = {
    // A test file has one constant, though each of its tests has a new worker.
    worker: new Proxy({} as Worker, {
      get(_, key): unknown {
        const current = started.at(-1);
        if (current === undefined) throw new Error("The test has not started a worker");
        return Reflect.get(current, key);
      },
    }),
    start(...args) {
      const worker = create(...args);
      started.push(worker);
      return worker;
    },
    async call(method, path, body, headers = {}, signal) {
      const isRaw = body === undefined || typeof body === "string" || body instanceof ReadableStream;
      const sent = isRaw ? body : JSON.stringify(body);
      return await used.worker.app.request(path, {
        ...{ method, headers: { host: "localhost", ...headers }, duplex: "half" },
        ...(sent === undefined ? {} : { body: sent }),
        ...(signal && { signal }),
      });
    },
    post: (path, body, headers, signal) => used.call("POST", path, body, headers, signal),
    get: (path, headers) => used.call("GET", path, undefined, headers),
    answerOf: async (path, body, headers) => await jsonOf(await used.post(path, body, headers)),
    read: async (path, headers) => await jsonOf(await used.get(path, headers)),
  };
  return used;
}

/** Checks that the status is 200. */
export async function jsonOf(response: Response): Promise<Json> {
  expect(response.status, await response.clone().text()).toBe(200);
  return (await response.json()) as Json;
}

export interface UsedInlineWorker extends UsedWorker<InlineWorker, [options?: InlineWorkerOptions]> {
  lastWork(): GenerateWork;
  lastConversation(): Conversation;
  /** All events of the job after the token with this index; by default the whole stream. */
  readAll(job: Job, after?: number): Promise<StreamEvent[]>;
}

/** Call at the top of a test file. Each test has to start its worker. */
export function useInlineWorker(defaults: InlineWorkerOptions = {}): UsedInlineWorker {
  const used = useWorker((options?: InlineWorkerOptions) => createInlineWorker({ ...defaults, ...options }));
  const { worker } = used;
  return {
    ...used,
    lastWork: () => lastWorkOf(worker),
    lastConversation: () => lastConversationOf(worker),
    async readAll(job, after = -1) {
      const events: StreamEvent[] = [];
      for await (const batch of worker.dispatcher.openReader(job, after, () => {})) events.push(...batch);
      return events;
    },
  };
}

/** Resolves when this many steps have ended and the next step has begun. */
export async function step(gate: StepGate, steps = 1): Promise<void> {
  for (let done = 0; done < steps; done += 1) {
    await gate.held();
    gate.step();
  }
  await gate.held();
}
