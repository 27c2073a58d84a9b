// Tests the proof of realness with streams that are real and with every known way of cheating.
import { describe, expect, it } from "vitest";
import { isEnough, leastTokenEvents, proveRealness, type AnswerTimes, type TokenTimes } from "./realness.ts";

const queueMs = 5;

/** `count` tokens: made at `tMs(i)` on the engine's clock, arrived at `arrivalMs(i)` on ours. */
function tokens(count: number, tMs: (i: number) => number, arrivalMs: (i: number) => number): TokenTimes[] {
  return Array.from({ length: count }, (_, i) => ({ tMs: tMs(i), arrivalMs: arrivalMs(i) }));
}

function answerOf(times: readonly TokenTimes[]): AnswerTimes {
  return { tokens: times, queueMs };
}

function failuresOf(...answers: readonly (readonly TokenTimes[])[]): string {
  return proveRealness(answers.map(answerOf)).failures.join("\n");
}

describe("a stream that is real", () => {
  it("passes when tokens arrive a moment after they were made", () => {
    const times = tokens(
      100,
      (i) => 20 + i * 30,
      (i) => 30 + i * 30 + (i % 3),
    );
    const { failures, lagMs } = proveRealness([answerOf(times)]);
    expect(failures).toEqual([]);
    expect(lagMs).toEqual({ p50: 1, p95: 2, max: 2 });
  });

  it("passes at the speed of a tiny model, several tokens in one packet", () => {
    expect(
      failuresOf(
        tokens(
          200,
          (i) => 3 + i * 0.7,
          (i) => 10 + Math.ceil((i * 0.7) / 5) * 5,
        ),
      ),
    ).toBe("");
  });

  it("passes with a hiccup that delays fewer than one token in twenty", () => {
    expect(
      failuresOf(
        tokens(
          100,
          (i) => i * 30,
          (i) => 10 + i * 30 + (i > 50 && i < 55 ? 400 : 0),
        ),
      ),
    ).toBe("");
  });
});

describe("short answers", () => {
  const real = tokens(
    200,
    (i) => i,
    (i) => 15 + i,
  );
  /** The machine paused somebody for most of this answer. */
  const paused = tokens(
    200,
    (i) => i,
    (i) => Math.max(150, 15 + i),
  );

  it("pass together although the machine paused during one of them", () => {
    expect(failuresOf(paused)).toMatch(/in a lump/);
    expect(failuresOf(real, paused, real, real)).toBe("");
  });

  it("may be too short to count, if another one counts", () => {
    const tiny = tokens(
      3,
      () => 0,
      () => 0,
    );
    expect(failuresOf(tiny, real, tiny)).toBe("");
    expect(failuresOf(tiny, tiny)).toMatch(/answer of 3 token events, and 8 are needed/);
  });

  it("are enough when they span a second on either clock", () => {
    const answer = answerOf(real);
    expect(isEnough([answer])).toBe(false);
    expect(isEnough(Array.from({ length: 6 }, () => answer))).toBe(true);
    const slow = tokens(
      30,
      (i) => i,
      (i) => i * 50,
    );
    expect(isEnough([answerOf(slow.map(({ arrivalMs }) => ({ tMs: arrivalMs, arrivalMs })))])).toBe(true);
  });

  it("are not enough to condemn a worker for a pause that does not come again", () => {
    const late = tokens(
      200,
      (i) => i * 5,
      (i) => 15 + (i > 0 && i < 120 ? Math.max(i * 5, 595) : i * 5),
    );
    const sound = tokens(
      200,
      (i) => i * 5,
      (i) => 15 + i * 5,
    );
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

  it("are enough when the engine's own clock is impossible", () => {
    const still = tokens(
      50,
      () => 12,
      () => 60,
    );
    expect(isEnough([answerOf(still)])).toBe(true);
  });
});

describe("a stream that is not", () => {
  it("fails when everything arrives in one lump, slowly made", () => {
    expect(
      failuresOf(
        tokens(
          50,
          (i) => i * 30,
          () => 1_500,
        ),
      ),
    ).toMatch(/in a lump/);
  });

  it("fails when everything arrives in one lump, quickly made", () => {
    expect(
      failuresOf(
        tokens(
          50,
          (i) => i,
          () => 60,
        ),
      ),
    ).toMatch(/in a lump/);
  });

  it("fails when the lump is stretched to a little less than half of the time it took", () => {
    expect(
      failuresOf(
        tokens(
          50,
          (i) => i * 4,
          (i) => 10 + i * 1.9,
        ),
      ),
    ).toMatch(/in a lump/);
  });

  it("fails when finished text is replayed with sleeps that t_ms knows nothing of", () => {
    expect(
      failuresOf(
        tokens(
          40,
          (i) => i * 0.7,
          (i) => 30 + i * 50,
        ),
      ),
    ).toMatch(/p95/);
  });

  it("fails when sleeps are shorter than the times they pretend to be", () => {
    expect(
      failuresOf(
        tokens(
          40,
          (i) => i * 50,
          (i) => 10 + i * 30,
        ),
      ),
    ).toMatch(/p95/);
  });

  it("fails when all tokens carry the same time", () => {
    expect(
      failuresOf(
        tokens(
          50,
          () => 12,
          () => 60,
        ),
      ),
    ).toMatch(/share 1 values/);
  });

  it("fails when t_ms runs backwards", () => {
    expect(
      failuresOf(
        tokens(
          50,
          (i) => 200 - i,
          (i) => 10 + i,
        ),
      ),
    ).toMatch(/backwards/);
  });

  it("fails when an answer is computed to its end and then replayed at its own pace", () => {
    expect(
      failuresOf(
        tokens(
          100,
          (i) => i * 30,
          (i) => 3_000 + i * 30,
        ),
      ),
    ).toMatch(/held back/);
  });

  it("fails when each of several short answers comes in a lump", () => {
    const lump = tokens(
      100,
      (i) => i,
      () => 120,
    );
    expect(failuresOf(lump, lump, lump)).toMatch(/over 297 ms arrived within 0 ms/);
  });

  it("fails when there are too few tokens to tell", () => {
    expect(failuresOf([])).toMatch(/answer of 0 token events/);
    expect(
      failuresOf(
        tokens(
          leastTokenEvents - 1,
          (i) => i * 30,
          (i) => i * 30,
        ),
      ),
    ).toMatch(/Cannot prove/);
    expect(
      failuresOf(
        tokens(
          leastTokenEvents,
          (i) => i * 30,
          (i) => i * 30,
        ),
      ),
    ).toBe("");
  });
});
