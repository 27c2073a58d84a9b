import { expect, it } from "vitest";
import { createLogRing, type LogQuery, type LogRing } from "./log-ring.ts";
import { createLogger } from "./logger.ts";

async function messagesOf(ring: LogRing, query: LogQuery): Promise<string[]> {
  return (await ring.find(query)).map(({ message }) => message);
}

it("the ring keeps the last lines as objects with redacted values, in any format of the log", async () => {
  const ring = createLogRing({ maxLines: 2, firstSeq: 10 });
  const written: string[] = [];
  const destination = { write: (line: string): void => void written.push(line) };
  const log = createLogger({ level: "info", format: "pretty", name: "test", destination, ring });
  log.info("first");
  log.debug("not of this level");
  log.warn({ job: "j", prompt: "what somebody wrote" }, "second");
  log.child({ trace: "t", stream_id: "s" }).error("third");
  expect(await ring.find({ count: 10 })).toEqual([
    { seq: 11, time: expect.any(String), level: "warn", message: "second", fields: { job: "j", prompt: "[redacted]" } },
    { seq: 12, time: expect.any(String), level: "error", message: "third", fields: { trace: "t", stream_id: "s" } },
  ]);
  const cases: readonly (readonly [LogQuery, readonly string[]])[] = [
    [{ count: 1 }, ["third"]],
    [{ count: 10, after: 11 }, ["third"]],
    [{ count: 10, after: 12 }, []],
    // Only another process can have written line 13.
    [{ count: 10, after: 13 }, ["second", "third"]],
    // The filters come before the count.
    [{ count: 1, job: "j" }, ["second"]],
    [{ count: 1, job: "s" }, ["third"]],
    [{ count: 1, level: "error" }, ["third"]],
    [{ count: 10, client: "alice" }, []],
    [{ count: 10, since: Infinity }, []],
  ];
  for (const [query, messages] of cases) expect(await messagesOf(ring, query), JSON.stringify(query)).toEqual(messages);
  expect(written).toHaveLength(3);
});

it("a client's flood pushes out its own lines, not those of the server", async () => {
  const ring = createLogRing({ maxLines: 5, firstSeq: 0 });
  const line = (msg: string, more = {}): string => JSON.stringify({ level: "info", time: "now", ...more, msg });
  ring.write(line("engine_lost"));
  for (let i = 0; i < 10; i++) ring.write(line(`line ${i}`, { client: "greedy" }));
  expect(await messagesOf(ring, { count: 9 })).toEqual(["engine_lost", "line 6", "line 7", "line 8", "line 9"]);
});

it("the ring has a limit in bytes, and drops a line that is longer than the limit", async () => {
  const ring = createLogRing({ maxBytes: 700, firstSeq: 0 });
  const line = (text: string): string => JSON.stringify({ level: "info", time: "now", msg: text });
  for (let i = 0; i < 100; i++) ring.write(line(`line ${i}`));
  ring.write(line("x".repeat(800)));
  const kept = await ring.find({ count: 1_000 });
  expect(kept.length).toBeGreaterThan(3);
  expect(kept.length).toBeLessThan(15);
  expect(kept.at(-1)).toMatchObject({ seq: 99, message: "line 99" });
});
