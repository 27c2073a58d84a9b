// Tests turns that are cancelled: before their first job, while they end, and before their request is sent again.
import type { Job } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { EndEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { createConsents } from "./consents.ts";
import type { TurnRequest } from "./turn.ts";
import { createTurns } from "./turns.ts";
import type { Turns, TurnsOptions } from "./turns.ts";

/** Turns whose jobs end only when they are cancelled. */
function endlessTurns(): { readonly turns: Turns; readonly clock: ReturnType<typeof createFakeClock> } {
  const clock = createFakeClock();
  const ends = new Map<Job, (end: EndEvent) => void>();
  const record = { steps: [], outcomeOf: () => undefined, release: () => {} };
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cached_tokens: 0 };
  const timings = { queue_ms: 0, prefill_ms: 0, decode_ms: 0, total_ms: 0, tokens_per_second: 0 };
  const options = {
    servers: { names: [] },
    journal: { begin: async () => await Promise.resolve(record) },
    limits: { steps: 1, timeoutMs: 60_000, reconnectGraceMs: 1_000, pingIntervalMs: 100_000 },
    dispatcher: {
      openReader: (job: Job) => ({
        next: async () => {
          const end = await new Promise<EndEvent>((resolve) => ends.set(job, resolve));
          return { done: false, value: [end] };
        },
        close: () => {},
      }),
      cancel: (job: Job, by: EndEvent["cancelled_by"]) =>
        ends.get(job)?.({ type: "end", stream_id: "", finish_reason: "cancelled", cancelled_by: by, usage, timings }),
    },
    clock,
  };
  return { turns: createTurns(options as unknown as TurnsOptions), clock };
}

function requestOf(id: string, more: Partial<TurnRequest> = {}): TurnRequest {
  return {
    ...{ id, client: "c", sessionId: undefined, key: "k", digest: "d", onDisconnect: "cancel", direct: true },
    ...{ deadlineMs: undefined, tools: [] },
    specOf: async () => await Promise.resolve({ when: {} } as never),
    submit: async () => await Promise.resolve({ spec: { who: {} } } as Job),
    ...more,
  };
}

/** Resolves when asynchronous work without timers is done. */
const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

it.each(["superseded", "client"] as const)(
  "has an end, and no error, when it is cancelled before its first job: %s",
  async (by) => {
    const { turns } = endlessTurns();
    let goOn = (): void => {};
    const waits = new Promise<void>((resolve) => (goOn = resolve));
    const specOf = async (): Promise<never> => {
      await waits;
      return { when: {} } as never;
    };
    const started = turns.start(requestOf("a", { sessionId: "s", specOf }));
    if (by === "superseded") await turns.start(requestOf("b", { sessionId: "s", key: "l" }));
    else turns.find("c", "a")?.cancel("client");
    goOn();
    expect((await started).log.terminal).toMatchObject({ type: "end", finish_reason: "cancelled", cancelled_by: by });
  },
);

it("does not count the time until its first job as time without a reader", async () => {
  const { turns, clock } = endlessTurns();
  let goOn = (): void => {};
  const waits = new Promise<void>((resolve) => (goOn = resolve));
  const specOf = async (): Promise<never> => {
    await waits;
    return { when: {} } as never;
  };
  const started = turns.start(requestOf("a", { specOf }));
  clock.advance(1_001);
  goOn();
  const turn = await started;
  expect(turn.log.terminal).toBeUndefined();
  clock.advance(1_001);
  await turn.ended;
  expect(turn.cancelledBy).toBe("unclaimed");
});

it.each(["disconnect", "unclaimed"] as const)(
  "continues when its request is sent again after the cancel: %s",
  async (by) => {
    const { turns, clock } = endlessTurns();
    const first = await turns.start(requestOf("a"));
    if (by === "disconnect") first.openReader(-1).close();
    else clock.advance(1_001);
    const again = await turns.start(requestOf("b"));
    expect(first.cancelledBy).toBe(by);
    expect(again).not.toBe(first);
    expect(again.log.terminal).toBeUndefined();
  },
);

it.each(["while it ends", "after its end"])(
  "does not continue when a user cancels it after a disconnect, %s",
  async (when) => {
    const { turns } = endlessTurns();
    const first = await turns.start(requestOf("a"));
    first.openReader(-1).close();
    if (when === "after its end") {
      await first.ended;
      await settled();
    }
    const again = when === "while it ends" ? turns.start(requestOf("b")) : undefined;
    turns.find("c", "a")?.cancel("client");
    const { log } = await (again ?? turns.start(requestOf("b")));
    expect(log.terminal).toMatchObject({ type: "end", finish_reason: "cancelled" });
    expect(turns.find("c", "b")).toBeUndefined();
  },
);

it("waits for no consent after its turn has ended", async () => {
  const consents = createConsents();
  const call = { client: "c", turn: "t", call: "1", conversation: undefined, tool: "x" };
  await expect(consents.ask(call, AbortSignal.abort(new Error("ended")))).rejects.toThrow("ended");
  expect(consents.give(call, "once")).toBe(false);
});

it("refuses a request that is sent again while its first try is being refused", async () => {
  const { turns } = endlessTurns();
  const specOf = async (): Promise<never> => await Promise.reject(new WaggleError("resource_exhausted", "full"));
  const tries = ["a", "b"].map(async (id) => await turns.start(requestOf(id, { specOf })));
  for (const one of await Promise.allSettled(tries)) expect(one).toMatchObject({ reason: { message: "full" } });
});

it("names the limit that ended a turn", async () => {
  const { turns, clock } = endlessTurns();
  const short = await turns.start(requestOf("a", { deadlineMs: 1_000, onDisconnect: "continue" }));
  const long = await turns.start(requestOf("b", { key: "l", deadlineMs: 90_000, onDisconnect: "continue" }));
  clock.advance(60_000);
  await Promise.all([short.ended, long.ended]);
  expect(short.log.terminal).toMatchObject({
    message: expect.stringMatching(/limit of 1 s \(deadline_ms\)/) as string,
  });
  expect(long.log.terminal).toMatchObject({ message: expect.stringMatching(/60 s \(--mcp-turn-timeout\)/) as string });
});
