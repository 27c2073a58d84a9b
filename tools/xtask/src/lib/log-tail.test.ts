// Tests which lines of a child's log are told when it fails.
import { describe, expect, it } from "vitest";
import { createLogTail } from "./log-tail.ts";

const line = (level: string, msg: string, more: object = {}): string =>
  JSON.stringify({ level, time: "now", msg, ...more });

describe("the tail of a log", () => {
  it("explains with the troubles where there are any", () => {
    const tail = createLogTail();
    tail.add(line("info", "listening"));
    expect(tail.explanation()).toEqual(["listening"]);
    expect(tail.hasTrouble).toBe(false);
    tail.add(line("error", "engine_died", { err: { message: "Cannot load model x.gguf: no such file" } }));
    tail.add(line("info", "deregistered"));
    expect(tail.explanation()).toEqual(["engine_died: Cannot load model x.gguf: no such file"]);
    expect(tail.lastError()).toBe("engine_died: Cannot load model x.gguf: no such file");
  });

  it("does not say a cause twice", () => {
    const tail = createLogTail();
    tail.add(line("error", "engine_died: no such file", { err: { message: "no such file" } }));
    expect(tail.lastError()).toBe("engine_died: no such file");
  });

  it("takes what no logger wrote for an error", () => {
    const tail = createLogTail();
    tail.add("worker: Cannot use --port x: it must be a whole number");
    tail.add("");
    expect(tail.lastError()).toBe("worker: Cannot use --port x: it must be a whole number");
  });

  it("keeps the last lines only", () => {
    const tail = createLogTail();
    for (let i = 0; i < 5_000; i += 1) tail.add(line("info", `line ${i}`));
    expect(tail.explanation().at(-1)).toBe("line 4999");
    expect(tail.explanation()).toHaveLength(12);
  });
});
