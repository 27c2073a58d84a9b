// Tests what turns keep in memory: no request of an ended turn, and few bytes of events.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Job } from "@waggle/jobs";
import type { EndEvent, TokenEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { createTurnLog } from "./turn-log.ts";
import type { TurnRequest } from "./turn.ts";
import { createTurns } from "./turns.ts";
import type { Turns, TurnsOptions } from "./turns.ts";

const end: EndEvent = {
  type: "end",
  stream_id: "",
  finish_reason: "stop",
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cached_tokens: 0 },
  timings: { queue_ms: 0, prefill_ms: 0, decode_ms: 0, total_ms: 0, tokens_per_second: 0 },
};
const token = (text: string): TokenEvent => ({ type: "token", stream_id: "", index: 0, t_ms: 0, text });

/** Turns whose jobs say this text. */
function turnsSaying(text: string, more: object = {}): Turns {
  const record = { steps: [], outcomeOf: () => undefined, release: () => {} };
  const options = {
    servers: { names: [] },
    journal: { begin: async () => await Promise.resolve(record) },
    limits: { steps: 1, timeoutMs: 60_000, reconnectGraceMs: 1_000, pingIntervalMs: 1_000 },
    dispatcher: {
      openReader: () => ({
        next: async () => await Promise.resolve({ done: false, value: [token(text), end] }),
        close: () => {},
      }),
    },
    clock: createFakeClock(),
    ...more,
  };
  return createTurns(options as unknown as TurnsOptions);
}

function requestOf(id: string): TurnRequest {
  return {
    ...{ id, client: "c", sessionId: undefined, key: id, digest: "d", onDisconnect: "continue", direct: false },
    ...{ deadlineMs: undefined, tools: [] },
    specOf: async () => await Promise.resolve({ when: {} } as never),
    submit: async () => await Promise.resolve({ spec: { who: {} } } as Job),
  };
}

it("drops the request of an ended turn, which holds the body and its pictures", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const turns = turnsSaying("Hi.");
  async function run(): Promise<WeakRef<object>> {
    const request = requestOf("a");
    await (
      await turns.start(request)
    ).ended;
    return new WeakRef(request);
  }
  const request = await run();
  const isKept = (): boolean => {
    collect();
    return request.deref() !== undefined;
  };
  await expect.poll(isKept).toBe(false);
  const reader = turns.find("c", "a")?.openReader(-1);
  expect((await reader?.next())?.value).toMatchObject([{ text: "Hi." }, { type: "end", stream_id: "a" }]);
  expect(await reader?.next()).toMatchObject({ done: true });
});

it("forgets the oldest ended turns when their events have too many bytes", async () => {
  const turns = turnsSaying("x".repeat(10_000_000));
  for (let i = 0; i < 5; i += 1) await (await turns.start(requestOf(`${i}`))).ended;
  const kept = (): unknown[] => [0, 1, 2, 3, 4].map((i) => turns.find("c", `${i}`) !== undefined);
  await expect.poll(kept).toEqual([false, false, true, true, true]);
});

it("counts the logprobs of a turn's events", () => {
  const log = createTurnLog({ stream_id: "a" });
  const one = { id: 1, token: "x", logprob: -1, bytes: [120] };
  const logprobs = [{ ...one, top: Array.from({ length: 20 }, () => one) }];
  const fill = (): void => {
    for (let i = 0; i < 20_000; i += 1) log.add({ ...token("x"), logprobs });
  };
  expect(fill).toThrow(/more than 33554432 bytes/);
});

it("keeps no events of forgotten turns", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const turns = turnsSaying("Hi.");
  async function run(id: string): Promise<WeakRef<object>> {
    const turn = await turns.start(requestOf(id));
    await turn.ended;
    return new WeakRef(turn.log);
  }
  const log = await run("first");
  for (let i = 0; i < 64; i += 1) await run(`${i}`);
  const isKept = (): boolean => {
    collect();
    return log.deref() !== undefined;
  };
  await expect.poll(isKept).toBe(false);
});

it("records that a call was not sent, since the model continues without it", async () => {
  const results: unknown[] = [];
  const record = {
    steps: [],
    outcomeOf: () => undefined,
    release: () => {},
    addStep: async () => await Promise.resolve(),
    willSend: async () => await Promise.reject(new Error("full")),
    addResult: async (...result: unknown[]) => await Promise.resolve(void results.push(result)),
  };
  const calls = [{ id: "1", type: "function" as const, function: { name: "s__t", arguments: "{}" } }];
  const messages = [{ role: "assistant" as const, content: null, tool_calls: calls }, undefined];
  const turns = turnsSaying("Hi.", {
    journal: { begin: async () => await Promise.resolve(record) },
    dispatcher: {
      openReader: () => ({
        next: async () => await Promise.resolve({ done: false, value: [{ ...end, message: messages.shift() }] }),
        close: () => {},
      }),
    },
    log: { error: () => {} },
  });
  const tools = [{ functionName: "s__t", name: "t", server: "s", description: "", parameters: {}, allowed: true }];
  const turn = await turns.start({ ...requestOf("a"), tools });
  await turn.ended;
  expect(turn.log.terminal).toMatchObject({ finish_reason: "stop" });
  expect(results).toEqual([["0.0", expect.objectContaining({ kind: "failed" })]]);
});

it("does not continue without a tool that a recorded message calls, and does not pass the call to the client", async () => {
  const calls = [{ id: "1", type: "function", function: { name: "s__t", arguments: "{}" } }];
  const record = { steps: [{ content: null, tool_calls: calls }], outcomeOf: () => undefined, release: () => {} };
  const turns = turnsSaying("Hi.", {
    servers: { names: ["s"] },
    journal: { begin: async () => await Promise.resolve(record) },
  });
  await expect(turns.start(requestOf("a"))).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining('"s__t"') as string,
  });
});
