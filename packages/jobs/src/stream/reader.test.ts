import type { StreamEvent, TokenEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { createReader } from "./reader.ts";
import { createReplayLog, type ReplayLog } from "../job/replay-log.ts";

const token = (index: number): TokenEvent => ({ type: "token", stream_id: "s", index, text: "ab", t_ms: index });

/** A reader of the log, and what it reports. */
function readerOf(log: ReplayLog) {
  const clock = createFakeClock();
  const calls: string[] = [];
  const reader = createReader({
    ...{ log, keys: { stream_id: "s" }, after: -1, clock, pingIntervalMs: 15_000, stallTimeoutMs: 30_000 },
    onClose: () => calls.push("closed"),
    onCutOff: () => calls.push("cut off"),
    onStalled: () => calls.push("stalled"),
  });
  return { reader, calls, clock };
}

it("a reader that is too slow, and then does not pull, is cut off only once", async () => {
  const log = createReplayLog(500);
  for (let index = 0; index < 50; index += 1) log.append(token(index));
  const { reader, calls, clock } = readerOf(log);
  const { value } = await reader.next();
  expect(value).toMatchObject([
    { type: "error", code: "slow_consumer", retryable: false, details: { first_index: log.firstToken } },
  ]);
  clock.advance(30_000);
  expect(calls).toEqual(["cut off", "stalled", "closed"]);
});

it.each(["nothing", "the end"])(
  "a reader that pulls nothing, or nothing after the end, is cut off: %s",
  async (what) => {
    const log = createReplayLog(500);
    const { reader, calls, clock } = readerOf(log);
    log.append(token(0));
    if (what === "the end") {
      log.append({ type: "error", stream_id: "s", code: "internal", message: "", retryable: false });
      expect((await reader.next()).value).toHaveLength(2);
    }
    clock.advance(29_999);
    expect(calls).toEqual([]);
    clock.advance(1);
    expect(calls).toEqual(["cut off", "stalled", "closed"]);
  },
);

it("a reader gets an empty batch, for a ping, when nothing else comes", async () => {
  const { reader, clock } = readerOf(createReplayLog(500));
  const next = reader.next();
  clock.advance(15_000);
  expect((await next).value).toEqual([]);
  reader.close();
});

it("a resumed stream begins with the start of its step, and has the calls after its token in their order", async () => {
  const log = createReplayLog(10_000);
  const keys = { stream_id: "s" };
  const start = (prompt_tokens: number) =>
    ({ type: "started", ...keys, model: "m", prompt_tokens, cached_tokens: 0, queue_ms: 0 }) as const;
  const call = { type: "tool_call", ...keys, call_id: "c", server: "s", tool: "t", state: "running" } as const;
  log.append({ type: "status", ...keys, status: "thinking" });
  log.append(start(1));
  log.append(token(0));
  log.append(call);
  log.append({ type: "status", ...keys, status: "thinking" });
  log.append(start(2));
  log.append(token(1));
  const readAfter = async (after: number): Promise<unknown> => {
    const { value } = await createReader({
      ...{ log, keys, after, clock: createFakeClock(), pingIntervalMs: 15_000, stallTimeoutMs: 30_000 },
      ...{ onClose: () => {}, onCutOff: () => {}, onStalled: () => {} },
    }).next();
    return (value as readonly StreamEvent[]).map((event) =>
      event.type === "started" ? event.prompt_tokens : event.type === "token" ? `token ${event.index}` : event.type,
    );
  };
  expect(await readAfter(-1)).toEqual([1, "token 0", "tool_call", "status", 2, "token 1"]);
  expect(await readAfter(0)).toEqual(["tool_call", "status", 2, "token 1"]);
  expect(await readAfter(1)).toEqual(["status", 2]);
});
