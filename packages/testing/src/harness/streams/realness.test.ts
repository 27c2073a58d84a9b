// Tests `proveRealness` with real streams and with every known fake.
import { describe, expect, it } from "vitest";
import { isEnough, leastTokenEvents, proveRealness, type AnswerTimes, type TokenTimes } from "./realness.ts";

const queueMs = 5;

/** `count` tokens. @param times of token i: when it is generated on the engine's clock, and when it arrives on ours */
function tokens(count: number, times: (i: number) => [tMs: number, arrivalMs: number]): TokenTimes[] {
  return Array.from({ length: count }, (_, i) => times(i)).map(([tMs, arrivalMs]) => ({ tMs, arrivalMs }));
}

function answerOf(times: readonly TokenTimes[]): AnswerTimes {
  return { tokens: times, queueMs };
}

function failuresOf(...answers: readonly (readonly TokenTimes[])[]): string {
  return proveRealness(answers.map(answerOf)).failures.join("\n");
}

describe("a real stream", () => {
  it("passes when tokens arrive a moment after their generation", () => {
    const times = tokens(100, (i) => [20 + i * 30, 30 + i * 30 + (i % 3)]);
    const { failures, lagMs } = proveRealness([answerOf(times)]);
    expect(failures).toEqual([]);
    expect(lagMs).toEqual({ p50: 1, p95: 2, max: 2 });
  });

  it("passes at the speed of a tiny model, with several tokens in a packet", () => {
    expect(failuresOf(tokens(200, (i) => [3 + i * 0.7, 10 + Math.ceil((i * 0.7) / 5) * 5]))).toBe("");
  });

  it("passes with a pause that delays fewer than one token in twenty", () => {
    expect(failuresOf(tokens(100, (i) => [i * 30, 10 + i * 30 + (i > 50 && i < 55 ? 400 : 0)]))).toBe("");
  });
});

describe("short answers", () => {
  const real = tokens(200, (i) => [i, 15 + i]);
  /** A pause of the machine delays most tokens of this answer. */
  const paused = tokens(200, (i) => [i, Math.max(150, 15 + i)]);

  it("pass together although the machine paused during one of them", () => {
    expect(failuresOf(paused)).toMatch(/in a lump/);
    expect(failuresOf(real, paused, real, real)).toBe("");
  });

  it("may be too short to prove anything if another answer is long enough", () => {
    const tiny = tokens(3, () => [0, 0]);
    expect(failuresOf(tiny, real, tiny)).toBe("");
    expect(failuresOf(tiny, tiny)).toMatch(/answer of 3 token events, and 8 are needed/);
  });

  it("suffice when they span a second on either clock", () => {
    const answer = answerOf(real);
    expect(isEnough([answer])).toBe(false);
    expect(isEnough(Array.from({ length: 6 }, () => answer))).toBe(true);
    const slow = tokens(30, (i) => [i, i * 50]);
    expect(isEnough([answerOf(slow.map(({ arrivalMs }) => ({ tMs: arrivalMs, arrivalMs })))])).toBe(true);
  });

  it("do not fail a worker for a single pause", () => {
    const late = tokens(200, (i) => [i * 5, 15 + (i > 0 && i < 120 ? Math.max(i * 5, 595) : i * 5)]);
    const sound = tokens(200, (i) => [i * 5, 15 + i * 5]);
    expect(failuresOf(late)).toMatch(/p95/);
    expect(isEnough([answerOf(late)])).toBe(false);
    const all = [late, ...Array.from({ length: 11 }, () => sound)];
    expect(failuresOf(...all)).toBe("");
    expect(isEnough(all.map(answerOf))).toBe(true);
    const cheats = Array.from({ length: 11 }, () => answerOf(late));
    expect(isEnough(cheats.slice(1))).toBe(false);
    expect(isEnough(cheats)).toBe(true);
    expect(proveRealness(cheats).failures.join()).toMatch(/p95/);
  });

  it("suffice when the engine's times are impossible", () => {
    const still = tokens(50, () => [12, 60]);
    expect(isEnough([answerOf(still)])).toBe(true);
  });
});

describe("a fake stream", () => {
  it("fails when slowly generated tokens arrive all at once", () => {
    expect(failuresOf(tokens(50, (i) => [i * 30, 1_500]))).toMatch(/in a lump/);
  });

  it("fails when quickly generated tokens arrive all at once", () => {
    expect(failuresOf(tokens(50, (i) => [i, 60]))).toMatch(/in a lump/);
  });

  it("fails when the tokens arrive in less than half of their generation time", () => {
    expect(failuresOf(tokens(50, (i) => [i * 4, 10 + i * 1.9]))).toMatch(/in a lump/);
  });

  it("fails when finished text is replayed with sleeps that t_ms does not show", () => {
    expect(failuresOf(tokens(40, (i) => [i * 0.7, 30 + i * 50]))).toMatch(/p95/);
  });

  it("fails when finished text is replayed with sleeps shorter than t_ms shows", () => {
    expect(failuresOf(tokens(40, (i) => [i * 50, 10 + i * 30]))).toMatch(/p95/);
  });

  it("fails when all tokens have the same t_ms", () => {
    expect(failuresOf(tokens(50, () => [12, 60]))).toMatch(/share 1 values/);
  });

  it("fails when t_ms runs backwards", () => {
    expect(failuresOf(tokens(50, (i) => [200 - i, 10 + i]))).toMatch(/backwards/);
  });

  it("fails when a finished answer is replayed at its original pace", () => {
    expect(failuresOf(tokens(100, (i) => [i * 30, 3_000 + i * 30]))).toMatch(/held back/);
  });

  it("fails when each of several short answers arrives all at once", () => {
    const lump = tokens(100, (i) => [i, 120]);
    expect(failuresOf(lump, lump, lump)).toMatch(/over 297 ms arrived within 0 ms/);
  });

  it("fails with too few tokens", () => {
    expect(failuresOf([])).toMatch(/answer of 0 token events/);
    expect(failuresOf(tokens(leastTokenEvents - 1, (i) => [i * 30, i * 30]))).toMatch(/Cannot prove/);
    expect(failuresOf(tokens(leastTokenEvents, (i) => [i * 30, i * 30]))).toBe("");
  });
});
