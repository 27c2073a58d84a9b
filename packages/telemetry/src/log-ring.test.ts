import { expect, it } from "vitest";
import { createLogRing } from "./log-ring.ts";
import { createLogger } from "./logger.ts";

it("the ring keeps the last lines as objects with redacted values, in any format of the log", () => {
  const ring = createLogRing({ maxLines: 2 });
  const written: string[] = [];
  const destination = { write: (line: string): void => void written.push(line) };
  const log = createLogger({ level: "info", format: "pretty", name: "test", destination, ring });
  log.info("first");
  log.debug("not of this level");
  log.warn({ job: "j", prompt: "what somebody wrote" }, "second");
  log.child({ trace: "t" }).error("third");
  expect(ring.last(10)).toEqual([
    { seq: 1, time: expect.any(String), level: "warn", message: "second", fields: { job: "j", prompt: "[redacted]" } },
    { seq: 2, time: expect.any(String), level: "error", message: "third", fields: { trace: "t" } },
  ]);
  expect(ring.last(1).map(({ message }) => message)).toEqual(["third"]);
  expect(ring.last(10, 1).map(({ message }) => message)).toEqual(["third"]);
  expect(ring.last(10, 2)).toEqual([]);
  // Only an earlier process can have written line 3.
  expect(ring.last(10, 3)).toHaveLength(2);
  expect(written).toHaveLength(3);
});

it("the ring has a limit in bytes, and drops a line that is longer than the limit", () => {
  const ring = createLogRing({ maxBytes: 400 });
  const line = (text: string): string => JSON.stringify({ level: "info", time: "now", msg: text });
  for (let i = 0; i < 100; i++) ring.write(line(`line ${i}`));
  ring.write(line("x".repeat(500)));
  const kept = ring.last(1_000);
  expect(kept.length).toBeGreaterThan(3);
  expect(kept.length).toBeLessThan(12);
  expect(kept.at(-1)).toMatchObject({ seq: 99, message: "line 99" });
});
