import type { LogLine } from "@waggle/protocol";
import { expect, it } from "vitest";
import { fieldWords, isWanted } from "./log-words.ts";
import { pieceWords } from "../engines-card.tsx";

it("filters the log by level and by message and fields", () => {
  const line: LogLine = { seq: 1, time: "", level: "warn", message: "slow", fields: { job: "j-1", n: 3, none: null } };
  expect(fieldWords(line.fields)).toBe("job=j-1 n=3");
  expect(isWanted(line, "trace", "")).toBe(true);
  expect(isWanted(line, "error", "")).toBe(false);
  expect(isWanted(line, "warn", "job=j-1")).toBe(true);
  expect(isWanted(line, "warn", "job=j-2")).toBe(false);
});

it("says how long a piece of a prompt is while a stream runs", () => {
  const prompt_pieces = [0, 1_000].map((context) => ({ context, tokens: 64, step_ms: 90.4, slowdown: 1.2 }));
  expect(pieceWords({ prompt_pieces })).toBe(
    "While a stream runs, a prompt behind 1,000 tokens is read in pieces of 64 tokens, 90 ms each.",
  );
  expect(pieceWords({})).toBeUndefined();
});
