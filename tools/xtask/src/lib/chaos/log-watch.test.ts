// Tests the waiting on log lines: those that have come, those to come, and those that never will.
import { describe, expect, it } from "vitest";
import { createLogWatch, type LogLine } from "./log-watch.ts";

const says =
  (msg: string) =>
  (line: LogLine): boolean =>
    line["msg"] === msg;

describe("a log", () => {
  it("gives a line that has come, and one that comes later", async () => {
    const log = createLogWatch();
    log.add('{"msg":"a","n":1}');
    expect(await log.line("a", says("a"))).toEqual({ msg: "a", n: 1 });
    const later = log.line("b", says("b"));
    log.add("no JSON at all");
    log.add('{"msg":"b"}');
    expect(await later).toEqual({ msg: "b" });
  });

  it("leaves out what came before the moment that counts", async () => {
    const log = createLogWatch();
    log.add('{"msg":"a","n":1}');
    const next = log.line("the next a", says("a"), { from: log.lines.length });
    log.add('{"msg":"a","n":2}');
    expect(await next).toEqual({ msg: "a", n: 2 });
  });

  it("says what it waited for when the log ends, and when the time is over", async () => {
    const log = createLogWatch();
    await expect(log.line("a sign", says("a"), { limitMs: 10 })).rejects.toThrow("Waited 0.01 s for a sign");
    const waiting = log.line("the reaper", says("a"));
    log.end();
    await expect(waiting).rejects.toThrow("The log ended before the reaper");
  });
});
