import { describe, expect, it } from "vitest";
import { transition } from "./job.ts";
import type { JobState, JobStateEvent } from "./job.ts";

const queued: JobState = { name: "queued" };
const prefill: JobState = { name: "prefill", slot: 1 };
const decode: JobState = { name: "decode", slot: 1 };
const finals: JobState[] = [
  { name: "finished", reason: "stop" },
  { name: "failed", code: "engine_failed", message: "x" },
  { name: "cancelled", by: "client" },
];

describe("job state", () => {
  it("goes from queued over prefill and decode to its end", () => {
    expect(transition(queued, { type: "started", slot: 1 })).toEqual(prefill);
    expect(transition(prefill, { type: "first_token" })).toEqual(decode);
    expect(transition(decode, { type: "finished", reason: "length" })).toEqual({ name: "finished", reason: "length" });
  });

  it("can be cancelled or fail in every phase that is not final", () => {
    for (const state of [queued, prefill, decode]) {
      expect(transition(state, { type: "cancelled", by: "superseded" })).toEqual({
        name: "cancelled",
        by: "superseded",
      });
      expect(transition(state, { type: "failed", code: "deadline_exceeded", message: "late" }).name).toBe("failed");
    }
  });

  it("never leaves a final state, and neither starts nor speaks twice", () => {
    const events: JobStateEvent[] = [
      { type: "started", slot: 0 },
      { type: "first_token" },
      { type: "finished", reason: "stop" },
      { type: "cancelled", by: "client" },
      { type: "failed", code: "internal", message: "x" },
    ];
    for (const state of finals) for (const event of events) expect(() => transition(state, event)).toThrow("Illegal");
    expect(() => transition(prefill, { type: "started", slot: 0 })).toThrow(
      "Illegal job transition: started while prefill",
    );
    expect(() => transition(decode, { type: "first_token" })).toThrow("Illegal");
    expect(() => transition(queued, { type: "finished", reason: "stop" })).toThrow("Illegal");
  });
});
