import { expect, it } from "vitest";
import { endReasonWords, jobStateWords } from "./words.ts";

it("describes the state and the end of a job", () => {
  expect(jobStateWords({ state: "queued", position: 0 })).toBe("waiting");
  expect(jobStateWords({ state: "queued", position: 1 })).toBe("waiting, next");
  expect(jobStateWords({ state: "queued", position: 3 })).toBe("waiting, number 3");
  expect(jobStateWords({ state: "decode", position: 0 })).toBe("writing");
  const call = { call_id: "c", server: "files", tool: "write_file", state: "waits_for_consent" } as const;
  const words = (more: object): string => jobStateWords({ state: "calling", position: 0, ...more });
  expect(words({ call })).toBe("asking for consent to files/write_file");
  expect(words({ call: { ...call, state: "running" } })).toBe("calling files/write_file");
  expect(words({})).toBe("calling a tool");
  expect(["length", "engine_failed", "not_found"].map(endReasonWords)).toEqual([
    "token limit",
    "engine failed",
    "not found",
  ]);
});
