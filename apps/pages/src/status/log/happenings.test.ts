import type { LogLine } from "@waggle/protocol";
import { expect, it } from "vitest";
import { happeningsOf } from "./happenings.ts";

const lines = (...rows: readonly (readonly [message: string, fields: object])[]): readonly LogLine[] =>
  rows.map(([message, fields], seq) => ({
    ...{ seq, time: `2026-01-01T10:00:0${seq}.000Z`, level: "info", message },
    fields: { ...fields },
  }));

it("makes sentences of log lines, newest first, and counts alike ones", () => {
  const reason = "the engine is restarting: The engine hung: no step for 31000 ms while it had jobs.";
  const found = happeningsOf(
    lines(
      ["model_state", { model: "bee", from: "ready", to: "loading", reason, jobs: 3 }],
      ["model_state", { model: "bee", from: "loading", to: "ready" }],
      ["engine_output", { engine: "constructor" }],
      ["constructor", {}],
      ["nats_unreachable", { reason: "ECONNREFUSED." }],
      ["nats_unreachable", { reason: "ECONNREFUSED." }],
      ["model_download", { model: "wasp", percent: 30 }],
      ["model_download", { model: "wasp", percent: 100 }],
    ),
  );
  expect(found.map(({ words, count, weight }) => [words, count, weight])).toEqual([
    ["wasp is downloaded.", 1, "good"],
    ["NATS does not answer: ECONNREFUSED.", 2, "bad"],
    ["bee is ready.", 1, "good"],
    [
      "The engine of bee is restarted: The engine hung: no step for 31.0 s while it had jobs. 3 answers continue.",
      1,
      "bad",
    ],
  ]);
  expect(found[1]?.at).toBe(Date.parse("2026-01-01T10:00:05Z"));
});
