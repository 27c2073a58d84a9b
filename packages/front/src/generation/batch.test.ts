import { deferred } from "@waggle/async";
import type { GenerateWork } from "@waggle/engine";
import type { Job, JobSpec } from "@waggle/jobs";
import type { StreamEvent } from "@waggle/protocol";
import { expect, test } from "vitest";
import { runBatch } from "./batch.ts";
import type { BatchOptions, EventReader } from "./batch.ts";

const usage = { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5, cached_tokens: 1 };
const timings = { queue_ms: 1, prefill_ms: 10, decode_ms: 20, total_ms: 31, tokens_per_second: 100 };
const stream_id = "s";
const started = { type: "started", stream_id, model: "m", prompt_tokens: 2, cached_tokens: 1, queue_ms: 0 } as const;
const end = { type: "end", stream_id, finish_reason: "stop", usage, timings } as const;
const token = (text: string, choice?: number): StreamEvent => ({
  ...{ type: "token", stream_id, index: 0, text, t_ms: 0 },
  ...(choice === undefined ? {} : { choice }),
});

/** Jobs whose events the test gives, in any order. */
function jobs(count: number, choices = 1) {
  const log: string[] = [];
  const sinks: ((events: readonly StreamEvent[]) => void)[] = [];
  const specs = Array.from({ length: count }, () => ({ work: { choices } }) as JobSpec<GenerateWork>);
  const wanted: BatchOptions = {
    specs,
    width: 2,
    async submit(_spec, index) {
      log.push(`submit ${index}`);
      return { id: String(index) } as Job;
    },
    open({ id }) {
      const index = Number(id);
      const queued: (readonly StreamEvent[])[] = [];
      let waiting: ((result: IteratorResult<readonly StreamEvent[]>) => void) | undefined;
      const give = (): void => {
        const [events] = queued;
        if (waiting === undefined || events === undefined) return;
        queued.shift();
        const resolve = waiting;
        waiting = undefined;
        resolve({ done: false, value: events });
      };
      sinks[index] = (events) => {
        queued.push(events);
        give();
      };
      return {
        next: () =>
          new Promise((resolve) => {
            waiting = resolve;
            give();
          }),
        close: () => void log.push(`close ${index}`),
      };
    },
  };
  return { wanted, log, say: (index: number, ...events: StreamEvent[]) => sinks[index]?.(events) };
}

async function restOf(reader: EventReader): Promise<StreamEvent[]> {
  const all: StreamEvent[] = [];
  for (let next = await reader.next(); next.done !== true; next = await reader.next()) all.push(...next.value);
  return all;
}

test("the choices of all jobs are numbered in order, and there is one start and one end with all counts", async () => {
  const { wanted, say, log } = jobs(2, 2);
  const reader = await runBatch(wanted);
  say(1, started, token("c", 0), token("d", 1));
  say(0, started, token("a"), token("b", 1));
  say(1, { ...end, choices: [{ finish_reason: "stop" }, { finish_reason: "length" }] });
  say(0, { ...end, choices: [{ finish_reason: "length" }, { finish_reason: "stop" }] });
  const events = await restOf(reader);
  expect(events.map(({ type }) => type)).toEqual(["started", "token", "token", "token", "token", "end"]);
  const said = events.flatMap((event) => (event.type === "token" ? [[event.choice, event.text]] : []));
  expect(said.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual([
    [0, "a"],
    [1, "b"],
    [2, "c"],
    [3, "d"],
  ]);
  expect(events.at(-1)).toMatchObject({
    choices: ["length", "stop", "stop", "length"].map((finish_reason) => ({ finish_reason })),
    usage: { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10, cached_tokens: 2 },
    timings: { prefill_ms: 20, decode_ms: 40, total_ms: 31, tokens_per_second: 100 },
  });
  expect(log).toEqual(["submit 0", "submit 1", "close 1", "close 0"]);
});

test("when one job fails, all jobs and the stream end", async () => {
  const { wanted, say, log } = jobs(3);
  const reader = await runBatch(wanted);
  const failed = { type: "error", stream_id, code: "engine_failed", message: "It broke.", retryable: true } as const;
  say(0, started, token("a"), failed);
  expect((await restOf(reader)).at(-1)).toMatchObject({ type: "error", code: "engine_failed" });
  expect(log).toEqual(["submit 0", "submit 1", "close 0", "close 1"]);
});

test("a batch that is closed while a job is being accepted also closes that job's reader", async () => {
  const [asked, accepting] = [deferred<void>(), deferred<void>()];
  const { wanted, log, say } = jobs(2);
  const reader = await runBatch({
    ...wanted,
    width: 1,
    async submit(spec, index) {
      if (index === 1) {
        asked.resolve();
        await accepting.promise;
      }
      return await wanted.submit(spec, index);
    },
  });
  say(0, end);
  const rest = reader.next();
  await asked.promise;
  reader.close();
  accepting.resolve();
  expect(await rest).toEqual({ done: true, value: undefined });
  await expect.poll(() => log).toEqual(["submit 0", "close 0", "submit 1", "close 1"]);
});

test("a ping of a job becomes a ping of the batch; a dropped event does not", async () => {
  const { wanted, say } = jobs(2);
  const reader = await runBatch(wanted);
  say(0);
  expect(await reader.next()).toEqual({ done: false, value: [] });
  say(0, started);
  expect(await reader.next()).toEqual({ done: false, value: [started] });
  say(1, started);
  say(1, token("b"));
  expect((await reader.next()).value).toMatchObject([{ type: "token", choice: 1 }]);
});
