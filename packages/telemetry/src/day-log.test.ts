// Tests the day on disk: what later processes find of it, its limits, and that only rows are lost if the disk fails.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeClock } from "@waggle/testing";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createDayLog, placesIn, type DayLog, type DayLogOptions, type DayQuery } from "./day-log.ts";
import { createLogRing } from "./log-ring.ts";

let folder: string;
let now: number;
let reasons: string[];
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "waggle-day-")), "history");
  now = Date.parse("2026-01-31T10:00:00Z");
  reasons = [];
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true }));

function open(options: Partial<DayLogOptions> = {}): DayLog {
  const onBroken = (reason: string): void => void reasons.push(reason);
  const clock = createFakeClock();
  return createDayLog({ folder, place: "w", maxBytes: 6_400_000, clock, timeOfDay: () => now, onBroken, ...options });
}

const job = (id: string, more: object = {}): string => JSON.stringify({ job_id: id, client: "alice", ...more });

async function idsOf(day: DayLog, query: Partial<DayQuery> = {}): Promise<unknown[]> {
  return (await day.read({ kind: "job", count: 100, ...query })).map(({ value }) => value["job_id"]);
}

it("is read by the next process of the same server: by time, client and kind, the newest rows", async () => {
  const first = open();
  first.add("job", job("a"), "alice");
  now += 60_000;
  first.add("job", job("b", { client: "bob" }), "bob");
  first.add("log", '{"msg":"a line"}');
  now += 60_000;
  first.add("job", job("c"), "alice");
  // The process dies: what it wrote in the last moment is cut off.
  await first.flush();
  const [path = ""] = readdirSync(folder).filter((name) => name.includes("alice"));
  appendFileSync(join(folder, path), '{"kind":"job","at":1769853720001,"row":{"job_id":"torn');
  const next = open();
  next.add("job", job("d"), "alice");
  const at = Date.parse("2026-01-31T10:01:00Z");
  expect(await idsOf(next)).toEqual(["a", "b", "c", "d"]);
  expect(await idsOf(next, { count: 2 })).toEqual(["c", "d"]);
  expect(await idsOf(next, { since: at })).toEqual(["b", "c", "d"]);
  expect(await idsOf(next, { until: at })).toEqual(["a"]);
  expect(await idsOf(next, { client: "bob" })).toEqual(["b"]);
  expect(await idsOf(next, { job: "d", matches: ({ job_id }) => job_id !== "a" })).toEqual(["d"]);
  expect(await idsOf(open({ place: "other" }))).toEqual([]);
  expect(await placesIn(folder)).toEqual(["w"]);
});

it("finds the rows after a clock was set back", async () => {
  const day = open();
  for (const id of ["noon", "eleven"]) {
    day.add("job", job(id), "alice");
    await day.flush();
    now -= 3_600_000;
  }
  expect(await idsOf(day, { until: now + 5_400_000 })).toEqual(["eleven"]);
});

it("reads only files that can have rows of the kind, and no file that cannot be read", async () => {
  mkdirSync(folder);
  for (const [client, id] of Object.entries({ "": "server", alice: "a" })) {
    const rows = ["job", "point", "log"].map((kind) => `{"kind":"${kind}","at":${now},"row":{"job_id":"${id}"}}\n`);
    writeFileSync(join(folder, `1~w~${client}.jsonl`), rows.join(""));
  }
  // Reading the memory of a process at 0 fails, also for root.
  symlinkSync("/proc/self/mem", join(folder, "2~w~alice.jsonl"));
  const day = open();
  expect(await idsOf(day)).toEqual(["a"]);
  expect(await idsOf(day, { kind: "point" })).toEqual(["server"]);
  expect(await idsOf(day, { kind: "log" })).toEqual(["server", "a"]);
});

it("only its user can read the files", async () => {
  const day = open();
  day.add("job", job("a"), "../alice");
  await day.flush();
  const [name = ""] = readdirSync(folder);
  expect([statSync(folder).mode & 0o777, statSync(join(folder, name)).mode & 0o777]).toEqual([0o700, 0o600]);
  expect(name).toMatch(/^\d+~w~.._alice.jsonl$/);
});

it("writes each second, and at once when the process exits", async () => {
  const clock = createFakeClock();
  const day = open({ clock });
  day.add("job", job("a"), "alice");
  day.flushNow();
  day.add("job", job("b"), "alice");
  expect(await idsOf(open())).toEqual(["a"]);
  clock.advance(1_000);
  await vi.waitFor(async () => expect(await idsOf(open())).toEqual(["a", "b"]));
});

it("stays below its limit, and a client that writes much does not evict what others wrote", async () => {
  const day = open({ maxBytes: 640_000 });
  day.add("job", job("first", { client: "bob" }), "bob");
  for (let i = 0; i < 200; i += 1) {
    for (let j = 0; j < 10; j += 1) day.add("job", job(`${i}.${j}`, { text: "x".repeat(1_000) }), "alice");
    now += 1_000;
    await day.flush();
  }
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(640_000);
  expect(await idsOf(day, { client: "bob" })).toEqual(["first"]);
  expect((await idsOf(day, { count: 1_000 })).length).toBeGreaterThan(300);
  expect(await idsOf(day, { count: 1 })).toEqual(["199.9"]);
});

it("deletes rows after a day", async () => {
  const day = open();
  day.add("job", job("old"), "alice");
  await day.flush();
  const [name = ""] = readdirSync(folder);
  utimesSync(join(folder, name), now / 1_000, now / 1_000);
  now += 90_000_000;
  const next = open();
  next.add("job", job("new"), "alice");
  await next.flush();
  expect(await idsOf(next)).toEqual(["new"]);
  expect(readdirSync(folder)).toHaveLength(1);
});

it("reports a disk that fails once, and writes again when it works", async () => {
  writeFileSync(folder, "a file in place of the folder");
  const day = open();
  for (const id of ["a", "b"]) {
    day.add("job", job(id), "alice");
    await day.flush();
  }
  expect(reasons).toEqual([expect.stringMatching(/EEXIST|ENOTDIR/)]);
  rmSync(folder);
  mkdirSync(folder);
  day.add("job", job("c"), "alice");
  expect(await idsOf(day)).toEqual(["c"]);
  expect(reasons).toHaveLength(1);
});

it("keeps a bounded number of rows for a slow disk, and refuses too many readers that have not left", async () => {
  const day = open();
  for (let i = 0; i < 2_000; i += 1) day.add("log", JSON.stringify({ text: "x".repeat(1_000) }));
  expect(reasons).toEqual(["the disk does not keep up"]);
  const leaving = new AbortController();
  const left = Array.from({ length: 8 }, async () => await day.read({ kind: "log", count: 1, left: leaving.signal }));
  leaving.abort();
  const reads = Array.from({ length: 9 }, async () => await idsOf(day));
  expect((await Promise.allSettled(reads)).filter(({ status }) => status === "rejected")).toHaveLength(1);
  expect((await Promise.all(left)).flat()).toEqual([]);
  expect((await day.read({ kind: "log", count: 5_000 })).length).toBeLessThan(1_100);
});

it("gives the ring the lines of an earlier process, once each and in their order", async () => {
  const line = (msg: string, more: object = {}): string =>
    `${JSON.stringify({ level: "info", time: new Date(now).toISOString(), name: "w", pid: 1, msg, ...more })}\n`;
  const before = createLogRing({ day: open(), firstSeq: now, maxLines: 1 });
  for (const client of ["alice", "bob", "alice"]) before.write(line("before", { client, job: `${client}-1` }));
  const since = now;
  const [, ...later] = await before.find({ count: 10, since });
  expect(later).toHaveLength(2);
  now += 60_000;
  const ring = createLogRing({ day: open(), firstSeq: now });
  ring.write(line("after", { client: "alice", job: "alice-2" }));
  const messages = (await ring.find({ count: 10, client: "alice" })).map(({ message }) => message);
  expect(messages).toEqual(["before", "before", "after"]);
  expect(await ring.find({ count: 10, job: "alice-…", until: now })).toHaveLength(2);
  expect(await ring.find({ count: 10 })).toHaveLength(1);
});
