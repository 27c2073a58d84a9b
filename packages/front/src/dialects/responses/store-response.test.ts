import { deferred } from "@waggle/async";
import type { Job } from "@waggle/jobs";
import type { StreamEvent, TerminalEvent } from "@waggle/protocol";
import { createLogger } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { keepResponse } from "./store-response.ts";
import { createNumbering } from "./numbering.ts";
import { createResponseStore } from "./store.ts";

test("a job's answer is kept at its end, and its log has no listener left", async () => {
  const store = createResponseStore({ clock: createFakeClock(), maxBytes: 100_000, keptForMs: 1_000 });
  const token = (index: number, text: string) => ({ type: "token" as const, stream_id: "r", index, text, t_ms: 0 });
  const listeners = new Set<(event: StreamEvent) => void>();
  const log = {
    terminal: undefined as TerminalEvent | undefined,
    output: () => [token(0, "a")],
    subscribe(listener: (event: StreamEvent) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const ended = deferred<void>();
  const job = { id: "r", spec: { who: { client: "a" } }, log, ended } as unknown as Job;
  const shape = {
    head: { id: "r", created_at: 0, tools: [], model: "m", previous_response_id: null },
    numbering: createNumbering(),
    key: "k",
    fromFunctionName: (name: string) => ({ type: "function" as const, name }),
  };
  const silent = createLogger({ level: "silent", format: "json", name: "test" });
  keepResponse({ store, job, shape, input: [], pictures: [], previousId: undefined, log: silent });
  for (const listener of listeners) listener(token(1, "b"));
  expect(listeners.size).toBe(1);
  log.terminal = {
    ...{ type: "end", stream_id: "r", finish_reason: "stop", stopped_by: "end" },
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, cached_tokens: 0 },
    timings: { queue_ms: 0, prefill_ms: 0, decode_ms: 0, total_ms: 0, tokens_per_second: 0 },
  };
  ended.resolve();
  await ended.promise;
  await Promise.resolve();
  expect(store.find("a", "r")?.ended?.output).toMatchObject([{ content: [{ text: "ab" }] }]);
  expect(listeners.size).toBe(0);
});
