// Tests a log: waits for past, future and missing lines, and the lines that explain a daemon's failure.
import { expect, it } from "vitest";
import { createLog, logged } from "./log.ts";

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

it("resolves with a past line, with a future line, and with the next line after an index", async () => {
  const log = createLog();
  log.add('{"msg":"a","n":1}');
  expect(await log.line("a", logged("a"))).toEqual({ msg: "a", n: 1 });
  const [ofJob, next] = [log.line("a", logged("a", "j1")), log.line("the next a", logged("a"), { from: 1 })];
  log.add('{"msg":"a","job":"j2"}');
  log.add('{"msg":"a","job":"j1"}');
  expect([await ofJob, await next]).toEqual([
    { msg: "a", job: "j1" },
    { msg: "a", job: "j2" },
  ]);
});

it("names the awaited line when the log ends", async () => {
  const log = createLog();
  const waiting = log.line("the reaper", logged("a"));
  log.end();
  await expect(waiting).rejects.toThrow("The log ended before the reaper");
});
