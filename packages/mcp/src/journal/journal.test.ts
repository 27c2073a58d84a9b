// Tests the journal across restarts: what a new process finds of the calls of an earlier one.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { open as openFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createJournal as create } from "./journal.ts";
import type { Journal, JournalOptions } from "./journal.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-journal-"));
  path = join(folder, "inner/journal.jsonl");
});
const opened: Journal[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.splice(0).map((journal) => journal.close()));
  rmSync(folder, { recursive: true });
});

async function createJournal(options: JournalOptions): Promise<Journal> {
  const journal = await create(options);
  opened.push(journal);
  return journal;
}

const now = (): number => 1_000;
const message = {
  content: null,
  tool_calls: [{ id: "c1", type: "function" as const, function: { name: "s__t", arguments: "{}" } }],
};

it("keeps steps and results, and says of a call without a result that its outcome is unknown", async () => {
  const first = await createJournal({ path, now });
  const turn = await first.begin("k", "digest");
  await turn?.addStep(message);
  await turn?.willSend("c1");
  await turn?.addResult("c1", { kind: "done", text: "é" });
  await turn?.willSend("c2");
  // No close: the process was killed.
  const again = await (await createJournal({ path, now })).begin("k", "digest");
  expect(again?.steps).toEqual([message]);
  expect(again?.outcomeOf("c1")).toEqual({ kind: "done", text: "é" });
  expect(again?.outcomeOf("c2")).toMatchObject({ kind: "unknown" });
  expect(again?.outcomeOf("c2")?.text).toMatch(/restarted.*Whether the tool ran is unknown/);
  expect(again?.outcomeOf("c3")).toBeUndefined();
  await expect(again?.willSend("c2")).rejects.toThrow("twice");
});

it("has a call on disk before the call may be sent", async () => {
  const turn = await (await createJournal({ path, now })).begin("k", "digest");
  await turn?.willSend("c1");
  expect(readFileSync(path, "utf8")).toContain('"call":"c1"');
});

it("refuses a key that was used with another request", async () => {
  const journal = await createJournal({ path, now });
  await journal.begin("k", "digest");
  expect(await journal.begin("k", "other")).toBeUndefined();
  expect(await journal.begin("k", "digest")).toBeDefined();
});

it("ignores an incomplete last line, and lines of others", async () => {
  const turn = await (await createJournal({ path, now })).begin("k", "digest");
  await turn?.addStep(message);
  appendFileSync(path, '{"kind":"later"}\n{"kind":"result","key":"k","ca');
  const again = await createJournal({ path, now });
  const restored = await again.begin("k", "digest");
  expect(restored?.steps).toHaveLength(1);
  await restored?.willSend("c1");
  expect((await (await createJournal({ path, now })).begin("k", "digest"))?.outcomeOf("c1")?.kind).toBe("unknown");
});

it("forgets old turns, and stays below its size", async () => {
  let time = 0;
  const limits = { path, now: () => time, maxBytes: 20_000, keptMs: 100 };
  const journal = await createJournal(limits);
  for (let i = 0; i < 200; i += 1) {
    const turn = await journal.begin(`k${i}`, "digest");
    await turn?.addResult("c", { kind: "done", text: "x".repeat(1_000) });
    turn?.release();
    expect(statSync(path).size).toBeLessThan(45_000);
  }
  const kept = await createJournal(limits);
  expect((await kept.begin("k199", "digest"))?.outcomeOf("c")).toBeDefined();
  expect((await kept.begin("k0", "digest"))?.outcomeOf("c")).toBeUndefined();
  time = 101;
  const later = await createJournal(limits);
  expect((await later.begin("k199", "digest"))?.outcomeOf("c")).toBeUndefined();
});

it("keeps each message once when it writes the file anew under running turns", async () => {
  const limits = { path, now, maxBytes: 30_000 };
  const journal = await createJournal(limits);
  const long = { ...message, content: "x".repeat(900) };
  const turns = await Promise.all(["a", "b"].map((key) => journal.begin(key, "digest")));
  let largest = 0;
  for (let i = 0; i < 12; i += 1) {
    const ended = await journal.begin(`ended ${i}`, "digest");
    ended?.release();
    const records = [...turns, ended].map(
      async (turn) => await turn?.addStep({ ...long, content: `${i} ${long.content}`.repeat(turn === ended ? 8 : 1) }),
    );
    // All records wait for the same write.
    await Promise.all(records);
    const { size } = statSync(path);
    if (size < largest) largest = Infinity;
    else largest = Math.max(largest, size);
  }
  expect(largest, "the file was written anew").toBe(Infinity);
  const again = await createJournal(limits);
  for (const key of ["a", "b"])
    expect((await again.begin(key, "digest"))?.steps.map(({ content }) => Number.parseInt(content ?? ""))).toEqual(
      Array.from({ length: 12 }, (_, i) => i),
    );
});

it("refuses messages when running turns fill it, so that the next process can read it", async () => {
  const limits = { path, now, maxBytes: 10_000 };
  const turn = await (await createJournal(limits)).begin("k", "digest");
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 200; i += 1) await turn?.addStep({ ...message, content: "x".repeat(1_000) });
  };
  await expect(fill()).rejects.toThrow("full");
  expect((await (await createJournal(limits)).begin("k", "digest"))?.steps.length).toBeGreaterThan(8);
});

it("forgets no running turn, and refuses calls when running turns fill it", async () => {
  const limits = { path, now, maxBytes: 10_000 };
  const journal = await createJournal(limits);
  const first = await journal.begin("first", "digest");
  await first?.willSend("c");
  const second = await journal.begin("second", "digest");
  await second?.addStep({ ...message, content: "x".repeat(10_000) });
  await expect(second?.addStep(message)).rejects.toThrow("full");
  await expect(second?.willSend("c")).rejects.toThrow("full");
  second?.release();
  await first?.willSend("d");
  const again = await createJournal({ path, now });
  expect((await again.begin("first", "digest"))?.outcomeOf("c")?.kind).toBe("unknown");
});

it("keeps interrupted turns rather than ended ones", async () => {
  const limits = { path, now, maxBytes: 10_000 };
  const journal = await createJournal(limits);
  await (await journal.begin("interrupted", "digest"))?.willSend("c");
  for (let i = 0; i < 20; i += 1) {
    const turn = await journal.begin(`ended ${i}`, "digest");
    await turn?.addStep({ ...message, content: "x".repeat(2_000) });
    turn?.release();
  }
  const again = await createJournal(limits);
  expect((await again.begin("interrupted", "digest"))?.outcomeOf("c")?.kind).toBe("unknown");
});

it("writes again when the folder is back, and does not count a turn as running whose beginning was not written", async () => {
  let time = 0;
  const journal = await createJournal({ path, now: () => time, maxBytes: 100, keptMs: 100 });
  (await journal.begin("a".repeat(80), "digest"))?.release();
  rmSync(dirname(path), { recursive: true });
  await expect(journal.begin("b".repeat(80), "digest")).rejects.toThrow("ENOENT");
  await expect(journal.begin("short", "digest")).rejects.toThrow("ENOENT");
  mkdirSync(dirname(path));
  time = 101;
  (await journal.begin("c", "digest"))?.release();
  time = 202;
  await journal.close();
  expect(existsSync(path), "no turn is left").toBe(false);
});

it("writes the messages and results of a full disk when the disk has room again", async () => {
  const journal = await createJournal({ path, now });
  const turn = await journal.begin("k", "digest");
  const handle = await openFile(path);
  const appending = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, "appendFile");
  await handle.close();
  const fill = (): unknown => appending.mockRejectedValueOnce(Object.assign(new Error("no space"), { code: "ENOSPC" }));
  fill();
  await expect(turn?.addStep(message)).rejects.toThrow("no space");
  fill();
  await expect(turn?.willSend("c1")).rejects.toThrow("no space");
  fill();
  await expect(turn?.addResult("c1", { kind: "failed", text: "not sent" })).rejects.toThrow("no space");
  expect(readdirSync(dirname(path)), "no part of a file takes room").toEqual(["journal.jsonl"]);
  await turn?.willSend("c2");
  const again = await (await createJournal({ path, now })).begin("k", "digest");
  expect(again?.steps).toEqual([message]);
  expect(again?.outcomeOf("c1")).toEqual({ kind: "failed", text: "not sent" });
  expect(again?.outcomeOf("c2")?.kind).toBe("unknown");
});

it("finds the newest turn of a request, unless it is so old that a retry cannot mean it", async () => {
  let time = 0;
  const journal = await createJournal({ path, now: () => time });
  for (const key of ["c try 1", "c try 2", "c other 3"]) (await journal.begin(key, "digest"))?.release();
  await journal.begin("c try 4", "other");
  expect(await journal.newest("c try ", "digest")).toBe("c try 2");
  await journal.begin("c long 5", "digest");
  time = 1_800_001;
  expect(await journal.newest("c try ", "digest")).toBeUndefined();
  expect(await journal.newest("c long ", "digest"), "it runs").toBe("c long 5");
});
