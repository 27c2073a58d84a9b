// Tests a log: waits for past, future and missing lines, and the lines that explain a daemon's failure.
import { describe, expect, it } from "vitest";
import { createLog, logged } from "./log.ts";

const line = (level: string, msg: string, more: object = {}): string =>
  JSON.stringify({ level, time: "now", msg, ...more });

describe("the tail of a log", () => {
  it("explains a failure with warnings and errors if there are any", () => {
    const tail = createLog();
    tail.add(line("info", "listening"));
    expect(tail.explanation()).toEqual(["listening"]);
    expect(tail.hasTrouble).toBe(false);
    tail.add(line("error", "engine_died", { err: { message: "Cannot load model x.gguf: no such file" } }));
    tail.add(line("info", "deregistered"));
    expect(tail.explanation()).toEqual(["engine_died: Cannot load model x.gguf: no such file"]);
    expect(tail.lastError()).toBe("engine_died: Cannot load model x.gguf: no such file");
  });

  it("does not repeat a cause that the message contains", () => {
    const tail = createLog();
    tail.add(line("error", "engine_died: no such file", { err: { message: "no such file" } }));
    expect(tail.lastError()).toBe("engine_died: no such file");
  });

  it("adds the reason of an event", () => {
    const tail = createLog();
    tail.add(line("error", "engine_died", { reason: "no such file" }));
    expect(tail.lastError()).toBe("engine_died: no such file");
  });

  it("treats a line that is not JSON as an error", () => {
    const tail = createLog();
    tail.add("worker: Cannot use --port x: it must be a whole number");
    tail.add("");
    expect(tail.lastError()).toBe("worker: Cannot use --port x: it must be a whole number");
  });

  it("keeps the last lines only", () => {
    const tail = createLog();
    for (let i = 0; i < 5_000; i += 1) tail.add(line("info", `line ${i}`));
    expect(tail.explanation().at(-1)).toBe("line 4999");
    expect(tail.explanation()).toHaveLength(12);
  });
});

describe("a log", () => {
  it("resolves with a past line and with a future line", async () => {
    const log = createLog();
    log.add('{"msg":"a","n":1}');
    expect(await log.line("a", logged("a"))).toEqual({ msg: "a", n: 1 });
    const later = log.line("b", logged("b", "j1"));
    log.add("no JSON at all");
    log.add('{"msg":"b","job":"j2"}');
    log.add('{"msg":"b","job":"j1"}');
    expect(await later).toEqual({ msg: "b", job: "j1" });
  });

  it("ignores lines before `from`", async () => {
    const log = createLog();
    log.add('{"msg":"a","n":1}');
    const next = log.line("the next a", logged("a"), { from: log.lines.length });
    log.add('{"msg":"a","n":2}');
    expect(await next).toEqual({ msg: "a", n: 2 });
  });

  it("names the awaited line when the log ends, and after a timeout", async () => {
    const log = createLog();
    await expect(log.line("a sign", logged("a"), { limitMs: 10 })).rejects.toThrow("Waited 0.01 s for a sign");
    const waiting = log.line("the reaper", logged("a"));
    log.end();
    await expect(waiting).rejects.toThrow("The log ended before the reaper");
  });
});
