// Tests which KV cells count as filled by running jobs, and that there is no division by zero.
import type { SlotStatus } from "@waggle/protocol";
import { expect, test } from "vitest";
import { kvUseOf } from "./kv-use.ts";

const info = { contextSize: 1_000, contextPool: 2_000 };
const idle: SlotStatus = { id: 0, state: "idle", prompt_tokens: 0, tokens: 0 };
const busy = (prompt: number, tokens: number): SlotStatus => ({
  ...{ id: 1, state: "decoding", job_id: "j" },
  ...{ prompt_tokens: prompt, tokens },
});

test("the cells of running jobs count, and those of idle slots do not", () => {
  expect(kvUseOf([{ info, slots: [idle, busy(300, 200)] }])).toBe(0.25);
});

test("a decide job whose prompts exceed its context fills at most its slot, and two files under one name are added up", () => {
  const full = { info, slots: [idle, busy(900, 5_000)] };
  expect(kvUseOf([full, { info: { contextSize: 2_000, contextPool: 2_000 }, slots: [idle] }])).toBe(0.25);
});

test("slots that share a pool fill at most the pool, and a parked job fills nothing", () => {
  const pool = { contextSize: 1_000, contextPool: 1_000 };
  const parked: SlotStatus = { ...busy(600, 0), state: "parked" };
  expect(kvUseOf([{ info: pool, slots: [busy(300, 200), parked] }])).toBe(0.5);
  expect(kvUseOf([{ info: pool, slots: [busy(600, 0), busy(600, 0)] }])).toBe(1);
});

test("without an engine there are no cells, and the share is 0", () => {
  expect(kvUseOf([{ info, slots: [] }])).toBe(0);
});
