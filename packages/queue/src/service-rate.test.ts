import { describe, expect, it } from "vitest";
import { createServiceRate, type ServiceRate } from "./service-rate.ts";

function setUp(): { rate: ServiceRate; pass: (ms: number) => void } {
  let nowMs = 1_000;
  return {
    rate: createServiceRate({ now: () => nowMs }),
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

describe("createServiceRate", () => {
  it("asks for a retry after one second if no job has finished yet and no job is late", () => {
    expect(setUp().rate.retryAfterS(64, 8)).toBe(1);
  });

  it("asks for a later retry with more depth and longer jobs, and for an earlier one with more slots", () => {
    const { rate } = setUp();
    rate.finished(2_000);
    rate.finished(4_000);
    expect(rate.retryAfterS(16, 1)).toBe(12);
    expect(rate.retryAfterS(40, 1)).toBe(30);
    expect(rate.retryAfterS(40, 6)).toBe(5);
  });

  it("asks for a retry after the time of at least one job", () => {
    const { rate } = setUp();
    rate.finished(3_000);
    expect(rate.retryAfterS(1, 1)).toBe(3);
    expect(rate.retryAfterS(0, 0)).toBe(3);
  });

  it("computes a wait once three jobs have finished", () => {
    const { rate } = setUp();
    rate.finished(2_000);
    rate.finished(4_000);
    expect(rate.waitMs(1, 1)).toBeUndefined();
    rate.finished(6_000);
    expect(rate.waitMs(3, 1)).toBe(12_000);
    expect(rate.waitMs(3, 4)).toBe(3_000);
    expect(rate.waitMs(0, 1)).toBe(0);
  });

  it("asks for a retry after 1 to 60 seconds", () => {
    const { rate, pass } = setUp();
    rate.finished(1);
    expect(rate.retryAfterS(64, 8)).toBe(1);
    rate.finished(600_000);
    expect(rate.retryAfterS(64, 8)).toBe(60);
    pass(3_600_000);
    expect(rate.retryAfterS(64, 8)).toBe(60);
  });

  it("expects a stuck queue to be stuck for as long again, until a job moves", () => {
    const { rate, pass } = setUp();
    pass(7_000);
    expect(rate.retryAfterS(10, 0)).toBe(7);
    rate.moved();
    expect(rate.retryAfterS(10, 0)).toBe(1);
  });

  it("adds only the delay beyond the usual duration of a job", () => {
    const { rate, pass } = setUp();
    rate.finished(8_000);
    pass(8_000);
    expect(rate.retryAfterS(4, 1)).toBe(8);
    pass(5_000);
    expect(rate.retryAfterS(4, 1)).toBe(13);
  });

  it("follows a change of speed within 32 jobs", () => {
    const { rate } = setUp();
    for (let i = 0; i < 100; i += 1) rate.finished(1_000);
    for (let i = 0; i < 32; i += 1) rate.finished(9_000);
    expect(rate.retryAfterS(4, 1)).toBe(9);
  });
});
