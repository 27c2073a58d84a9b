// Tests resumed jobs whose earlier output is complete.
import { expect, test } from "vitest";
import { expectedText, isType, job, startEngine, submit } from "../testing/engine-harness.ts";

test.each([
  ["max_tokens", { maxTokens: 5 }],
  ["stop_string", { maxTokens: 40, stop: [expectedText("Hello", 8).slice(-6)] }],
])(
  "a job whose earlier output ended by %s sends the rest of its events, and ends without a slot",
  async (by, given) => {
    const first = startEngine();
    const whole = await first.run(job("a", "Hello", given));
    const { promptTokens } = whole;
    const tokens = first.of("a").filter((event) => event.type === "token");
    const { engine, gate, events, of, until, untilJob } = startEngine({ slots: 1, gated: true });
    submit(engine, job("busy", "Hi"));
    await gate.held();
    const output = { ids: tokens.flatMap(({ ids }) => ids), events: 2 };
    engine.handle({ type: "prepare", job: job("b", "Hello", { ...given, prior: { output } }) });
    await until(isType("prepared"));
    engine.handle({ type: "start", prepared: "b", choices: [{ jobId: "b", choice: 0 }] });
    gate.open();
    await untilJob("busy", "finished");
    expect(whole.by).toBe(by);
    expect(tokens.length).toBeGreaterThan(2);
    expect(of("b")).toEqual([
      { type: "started", jobId: "b", promptTokens, cachedTokens: promptTokens, seed: 99 },
      ...tokens.slice(2).map((event) => ({ ...event, jobId: "b", tMs: 0 })),
      { ...whole, jobId: "b", cachedTokens: promptTokens, prefillMs: 0, decodeMs: 0 },
    ]);
    const inSlots = events.filter(isType("step")).flatMap(({ slots = [] }) => slots.map(({ job_id: id }) => id));
    expect(new Set(inSlots.filter((id) => id !== undefined))).toEqual(new Set(["busy"]));
  },
);
