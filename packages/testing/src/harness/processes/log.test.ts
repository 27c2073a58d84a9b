// Tests the lines of a log that explain a daemon's failure.
import { expect, it } from "vitest";
import { createLog } from "./log.ts";

const line = (level: string, msg: string, more: object = {}): string =>
  JSON.stringify({ level, time: "now", msg, ...more });

it("explains a failure with the last lines, or with warnings and errors if there are any", () => {
  const log = createLog();
  for (let i = 0; i < 5_000; i += 1) log.add(line("info", `line ${i}`));
  expect(log.explanation().at(-1)).toBe("line 4999");
  expect(log.explanation()).toHaveLength(12);
  expect(log.hasTrouble).toBe(false);
  log.add(line("error", "engine_died", { err: { message: "no such file" } }));
  log.add(line("info", "deregistered"));
  expect(log.explanation()).toEqual(["engine_died: no such file"]);
});

it.each([
  [line("error", "engine_died", { reason: "no such file" }), "engine_died: no such file"],
  [line("error", "engine_died: no such file", { reason: "no such file" }), "engine_died: no such file"],
  ["worker: Cannot use --port x", "worker: Cannot use --port x"],
])("makes the last error of %s", (text, error) => {
  const log = createLog();
  log.add(line("error", "earlier"));
  log.add(text);
  expect(log.lastError()).toBe(error);
});
