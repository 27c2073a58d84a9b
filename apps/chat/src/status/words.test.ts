import type { LogLine } from "@waggle/protocol";
import { expect, it } from "vitest";
import { fieldWords, isWanted } from "./log-words.ts";
import { clockWords, duration, jobStateWords, latencyWords, shareWords } from "./words.ts";

it("says how long, rounded down", () => {
  const [minute, hour] = [60_000, 3_600_000];
  expect([0, 119_999, 2 * minute, 119 * minute, 2 * hour, 49 * hour].map(duration)).toEqual([
    "0 s",
    "119 s",
    "2 min",
    "119 min",
    "2 h",
    "2 days",
  ]);
});

it("tells the day of a time that was not today", () => {
  const now = new Date(2026, 4, 9, 15, 0, 0).getTime();
  expect(clockWords(now - 60_000, now)).toBe("14:59:00");
  expect(clockWords(now - 86_400_000, now)).toBe("8 May, 15:00:00");
});

it("puts shares and states into words", () => {
  expect([0, 0.004, 0.5].map(shareWords)).toEqual(["0 %", "under 1 %", "50 %"]);
  expect(jobStateWords({ state: "queued", position: 1 })).toBe("waiting, next");
  expect(jobStateWords({ state: "queued", position: 3 })).toBe("waiting, number 3");
  expect(jobStateWords({ state: "decode", position: 0 })).toBe("answering");
});

it("filters the log by level and by all that a line says", () => {
  const line: LogLine = { seq: 1, time: "", level: "warn", message: "slow", fields: { job: "j-1", n: 3, none: null } };
  expect(fieldWords(line.fields)).toBe("job=j-1 n=3");
  expect(isWanted(line, "trace", "")).toBe(true);
  expect(isWanted(line, "error", "")).toBe(false);
  expect(isWanted(line, "warn", "job=j-1")).toBe(true);
  expect(isWanted(line, "warn", "job=j-2")).toBe(false);
});

it("tells of a latency what its bucket tells, and no more", () => {
  const words = [
    { guess: 27_000, atMost: 30_000 },
    { guess: 1.2, atMost: 2 },
    { guess: 300_000, atMost: Infinity },
  ];
  expect([...words, undefined].map(latencyWords)).toEqual(["≤ 30,000", "≤ 2", "> 300,000", "–"]);
});
