// Tests the bounds of the journal: its bytes, the share of a client, the room of results, and the work of a call when many turns are kept.
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { begin, call, message, useJournals } from "../testing/journals.ts";

const journals = useJournals();
const limits = { maxBytes: 400_000 };
const exhausted = { code: "resource_exhausted", message: expect.stringContaining("Cannot record the call") as string };

it("forgets old turns, and stays below its size", async () => {
  let time = 0;
  const aged = { ...limits, now: () => time, keptMs: 100 };
  const journal = await journals.open(aged);
  for (let i = 0; i < 100; i += 1) {
    const turn = await call(journal, `c ${i}`);
    await turn.addResult("0.0", { kind: "done", text: "x".repeat(20_000) });
    turn.release();
    expect(statSync(journals.path).size).toBeLessThan(2 * limits.maxBytes + 50_000);
  }
  const kept = await journals.open(aged);
  expect((await begin(kept, "c 99")).outcomeOf("0.0")).toBeDefined();
  expect((await begin(kept, "c 0")).outcomeOf("0.0")).toBeUndefined();
  time = 101;
  expect((await begin(await journals.open(aged), "c 99")).outcomeOf("0.0")).toBeUndefined();
});

it("keeps each message once when it writes the file anew under running turns", async () => {
  const journal = await journals.open(limits);
  const turns = await Promise.all(["c a", "d b"].map(async (name) => await begin(journal, name)));
  let largest = 0;
  for (let i = 0; i < 12; i += 1) {
    const ended = await begin(journal, `e ended ${i}`);
    // All records wait for the same write.
    const add = async (turn: typeof ended, times: number): Promise<void> =>
      await turn.addStep({ ...message, content: `${i} `.repeat(times) });
    await Promise.all([...turns.map(async (turn) => await add(turn, 900)), add(ended, 30_000)]);
    ended.release();
    const { size } = statSync(journals.path);
    largest = size < largest ? Infinity : Math.max(largest, size);
  }
  expect(largest, "the file was written anew").toBe(Infinity);
  const again = await journals.open(limits);
  for (const name of ["c a", "d b"])
    expect((await begin(again, name)).steps.map(({ content }) => Number.parseInt(content ?? ""))).toEqual(
      Array.from({ length: 12 }, (_, i) => i),
    );
});

it("refuses calls of a client whose running turns fill its share, and of no other client", async () => {
  const journal = await journals.open(limits);
  const turn = await begin(journal, "c long");
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 200; i += 1) await turn.addStep({ ...message, content: "x".repeat(10_000) });
  };
  await expect(fill()).rejects.toMatchObject(exhausted);
  await expect(turn.willSend("c")).rejects.toMatchObject(exhausted);
  const steps = (await begin(await journals.open(limits), "c long")).steps.length;
  expect(steps).toBeGreaterThan(15);
  await call(journal, "d k");
  turn.release();
  await call(journal, "c next");
});

it("lets the ended turns of the client that holds most give way, and interrupted ones never", async () => {
  const before = await journals.open(limits);
  await call(before, "d interrupted");
  const journal = await journals.open(limits);
  for (let i = 0; i < 5; i += 1) (await call(journal, `d ended ${i}`, 1_000)).release();
  for (let i = 0; i < 60; i += 1) (await call(journal, `c ended ${i}`, 20_000)).release();
  const again = await journals.open(limits);
  for (const name of ["d interrupted", "d ended 0", "c ended 59"])
    expect([name, (await begin(again, name)).outcomeOf("0.0")?.kind]).toEqual([name, "unknown"]);
  expect((await begin(again, "c ended 0")).steps).toEqual([]);
});

it("refuses all clients when interrupted turns fill it, until they have ended or are old", async () => {
  let time = 0;
  const aged = { ...limits, now: () => time, keptMs: 100 };
  const before = await journals.open(aged);
  for (const client of ["c", "d"]) await call(before, `${client} interrupted`, 130_000);
  const journal = await journals.open(aged);
  // Reopened, the turns have no room reserved for results, which can no longer come.
  for (const client of ["c", "d"])
    await (await begin(journal, `${client} more`)).addStep({ ...message, content: "x".repeat(60_000) });
  await expect((await begin(journal, "e k")).willSend("0.0")).rejects.toMatchObject(exhausted);
  (await begin(journal, "c interrupted")).release();
  await call(journal, "e k");
  time = 101;
  await call(journal, "f k");
});

it("always has room for the result of a call that it accepted, and cuts a larger one with a note", async () => {
  const journal = await journals.open(limits);
  const turn = await begin(journal, "c k");
  await turn.willSend("0.0");
  await turn.willSend("0.1");
  await expect(turn.willSend("0.2"), "no room is left for a third result").resolves.toBeUndefined();
  await expect(turn.willSend("0.3")).rejects.toMatchObject(exhausted);
  const pictures = [{ mimeType: "image/png", data: "A".repeat(100_000) }];
  await turn.addResult("0.0", { kind: "done", text: "\u0001".repeat(262_144), ...{ pictures } });
  await turn.addResult("0.1", { kind: "done", text: "short", ...{ pictures } });
  await turn.addResult("0.2", { kind: "done", text: "x".repeat(65_000) });
  const again = await begin(await journals.open(limits), "c k");
  const cut = again.outcomeOf("0.0")?.text ?? "";
  expect(cut.startsWith("\u0001".repeat(8_000))).toBe(true);
  expect(cut).toMatch(/\n\[The last 25\d{4} characters are left out.*\]\n\[The pictures are left out.*\]$/);
  expect(Buffer.byteLength(JSON.stringify(cut))).toBeLessThan(65_536);
  expect(again.outcomeOf("0.1")).toEqual({ kind: "done", text: expect.stringMatching(/^short\n\[The pictures are/) });
  expect(again.outcomeOf("0.2")?.text).toHaveLength(65_000);
});

it("does as much work for a call with 150,000 kept turns as with few", async () => {
  mkdirSync(dirname(journals.path), { recursive: true });
  const linesOf = (key: string): string =>
    `{"kind":"turn","key":"${key}","digest":"d","at":900}\n{"kind":"call","key":"${key}","call":"0.0"}\n{"kind":"end","key":"${key}"}\n`;
  writeFileSync(journals.path, Array.from({ length: 150_000 }, (_, i) => linesOf(`c try ${i}`)).join(""));
  const journal = await journals.open();
  // Sums, sorts and copies of the turns go through one of these.
  const counters = [new Map(), new Set(), []].map((list) => countSteps(list.values()));
  const turn = await begin(journal, "c new");
  for (let i = 0; i < 10; i += 1) {
    await turn.addStep(message);
    await turn.willSend(`${i}.0`);
    await turn.addResult(`${i}.0`, { kind: "done", text: "x" });
  }
  turn.release();
  await journal.newest("c", "try ", "d");
  (await begin(journal, "c last")).release();
  const steps = counters.reduce((sum, stop) => sum + stop(), 0);
  expect((await begin(journal, "c try 149999", "d")).outcomeOf("0.0")?.kind, "all are kept").toBe("unknown");
  expect(steps).toBeLessThan(2_000);
});

/** Counts the steps of all iterators of this kind. @returns ends the count, and gives it */
function countSteps(iterator: Iterator<unknown>): () => number {
  const prototype = Object.getPrototypeOf(iterator) as Iterator<unknown>;
  const { next } = prototype;
  let steps = 0;
  prototype.next = function (this: Iterator<unknown>) {
    steps += 1;
    return next.call(this);
  };
  return () => {
    prototype.next = next;
    return steps;
  };
}
