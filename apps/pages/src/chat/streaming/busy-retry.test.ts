// Tests which answers that a busy worker refused are requested again.
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Problem } from "../../wire/problem.ts";
import { newAnswer, type Answer } from "../conversation/answer.ts";
import { createBusyRetry } from "./busy-retry.ts";

beforeAll(() => void vi.useFakeTimers({ now }));
afterAll(() => void vi.useRealTimers());

const job = (id: string): Answer => newAnswer("answer", id, 1);
const now = 1_700_000_000_000;
const busy = (waitMs: number): Problem => ({
  code: "resource_exhausted",
  message: "Busy.",
  retryAt: now + waitMs,
});

it("waits for at most five retries in a row", () => {
  const retry = createBusyRetry();
  for (const id of ["1", "2", "3", "4", "5"]) {
    retry.asked(job(id), busy(2_000));
    expect(retry.waiting.value).toBe(id);
  }
  retry.asked(job("6"), busy(2_000));
  expect(retry.waiting.value).toBeUndefined();
  retry.asked(job("7"), undefined);
  retry.asked(job("8"), busy(2_000));
  expect(retry.waiting.value).toBe("8");
});

it("leaves a long wait, a wait of unknown length and a failure to the visitor", () => {
  const { retryAt: _, ...unknown } = busy(0);
  for (const problem of [busy(3_600_000), unknown, { ...busy(2_000), code: "internal" as const }]) {
    const retry = createBusyRetry();
    retry.asked(job("1"), problem);
    expect(retry.waiting.value).toBeUndefined();
  }
});
