// Tests a lane on a disk that is full at each stage, and batches with kills, failing answers and a failing disk in any order.
import { appendFileSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { deferred } from "@waggle/async";
import { expect, inject, it } from "vitest";
import { good, linesOf, numbered, resultsOf, stuckAt, textOf, useLaneWorld } from "../testing/lane-world.ts";
import { batchHasEnded } from "./batch.ts";
import type { AnswerLine } from "./lane-port.ts";

const world = useLaneWorld();
const outOfSpace = { code: "out_of_space" };

/** A disk on which `isFull` says at each write whether only a part of it fits. */
function diskWith(isFull: (path: string) => boolean): typeof openFile {
  return async (path, ...given) => {
    const file = await openFile(path, ...given);
    const { appendFile } = file;
    file.appendFile = async (data, ...options) => {
      if (!isFull(String(path))) return await appendFile.call(file, data, ...options);
      const bytes = Buffer.from(data as string);
      await appendFile.call(file, bytes.subarray(0, Math.floor(bytes.length / 2)), ...options);
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    };
    return file;
  };
}

it("refuses an upload and a batch on a full disk, and leaves nothing of them", async () => {
  let full = "";
  const lane = world.open({ open: diskWith((path) => full !== "" && path.includes(full)) });
  const file = await world.upload(lane, linesOf(["a"]));
  for (full of ["/parts/", "/files/"]) {
    await expect(world.upload(lane, linesOf(["b"]))).rejects.toMatchObject(outOfSpace);
    const left = ["parts", "files"].map((name) => readdirSync(join(world.folder, name)).length);
    expect([full, ...left]).toEqual([full, 0, 2]);
  }
  full = "/record.json";
  await expect(world.create(lane, file)).rejects.toMatchObject(outOfSpace);
  expect([readdirSync(join(world.folder, "batches")), await lane.batches.list("c")]).toEqual([[], []]);
  full = "";
  const { id } = await world.create(lane, file);
  await world.reaches(lane, id, "completed");
});

it("asks for no more lines while the disk is full, and loses no answer", async () => {
  let isFull = false;
  let fullFrom = 10;
  const asked: string[] = [];
  const answer: AnswerLine = async ({ customId }) => {
    isFull = asked.push(customId) >= fullFrom;
    return good;
  };
  const lane = world.open({ answer, open: diskWith((path) => isFull && path.endsWith("/output")) });
  const { id } = await world.create(lane, await world.upload(lane, linesOf(numbered(300))));
  await world.until(() => world.logged.some(({ msg }) => msg === "batch_held"));
  for (let turn = 0; turn < 100; turn += 1) {
    world.clock.advance(1_000);
    await new Promise(setImmediate);
  }
  expect(asked.length).toBeLessThan(100);
  const reports = world.logged.filter(({ msg }) => msg === "batch_held");
  fullFrom = Infinity;
  isFull = false;
  const { record } = await world.reaches(lane, id, "completed");
  expect(reports).toHaveLength(1);
  expect((await world.resultsIn(lane, record.results?.outputFile)).map((result) => result.id).toSorted()).toEqual(
    [...numbered(300)].toSorted(),
  );
});

it("stays before the end of a batch while its record cannot be written, and tries again", async () => {
  let isFull = false;
  const answer: AnswerLine = async () => {
    isFull = true;
    return good;
  };
  const lane = world.open({ answer, open: diskWith((path) => isFull && path.includes("/record.json")) });
  const { id } = await world.create(lane, await world.upload(lane, linesOf(["a"])));
  await world.until(() => world.logged.some(({ msg }) => msg === "batch_held"));
  expect((await lane.batches.get(id, "c")).record.status).toBe("in_progress");
  await expect(lane.batches.cancel(id, "c")).rejects.toMatchObject(outOfSpace);
  isFull = false;
  expect((await world.reaches(lane, id, "completed")).counts.completed).toBe(1);
});

it("writes each line of a cancelled batch once when the disk is full in the middle", async () => {
  let isFull = true;
  const answer = stuckAt(...numbered(100));
  const lane = world.open({ answer, open: diskWith((path) => isFull && path.endsWith("/errors")) });
  const { id } = await world.create(lane, await world.upload(lane, linesOf(numbered(100))));
  await world.reaches(lane, id, "in_progress");
  await lane.batches.cancel(id, "c");
  await world.until(() => world.logged.filter(({ msg }) => msg === "batch_held").length === 2);
  isFull = false;
  const { record, counts } = await world.reaches(lane, id, "cancelled");
  const results = await world.resultsIn(lane, record.results?.errorFile);
  expect([counts.unanswered, results.map((result) => result.id)]).toEqual([100, numbered(100)]);
});

it("ends a cancelled batch whose input was removed from the folder", async () => {
  const lane = world.open({ answer: stuckAt("a") });
  const { id } = await world.create(lane, await world.upload(lane, linesOf(["a"])));
  await world.reaches(lane, id, "in_progress");
  await world.kill();
  rmSync(join(world.folder, "batches", id, "input"));
  const later = world.open();
  await later.batches.cancel(id, "c");
  expect((await world.reaches(later, id, "cancelled")).counts.unanswered).toBe(0);
});

it("counts nothing of an upload whose client leaves during a write", async () => {
  let leave: (() => Promise<void>) | undefined;
  const open: typeof openFile = async (...given) => {
    const file = await openFile(...given);
    const { appendFile } = file;
    file.appendFile = async (...data) => {
      await appendFile.apply(file, data);
      await leave?.();
    };
    return file;
  };
  const lane = world.open({ open, limits: { maxThings: 1 } });
  const receiving = await lane.files.receive("c", 100);
  leave = receiving.abort;
  await receiving.write(Buffer.from("x"));
  leave = undefined;
  await world.upload(lane, "y");
});

it("waits for the answers of a paused batch before it runs again", async () => {
  const late = deferred<void>();
  const asked: string[] = [];
  const answer: AnswerLine = async ({ customId }) => {
    if (asked.push(customId) === 1) await late.promise;
    return good;
  };
  const lane = world.open({ answer });
  const { id } = await world.create(lane, await world.upload(lane, linesOf(numbered(3))));
  await world.until(() => asked.length === 3);
  for (const isPaused of [true, false]) await lane.batches.pause(id, "c", isPaused);
  for (let turn = 0; turn < 20_000; turn += 1) await new Promise(setImmediate);
  late.resolve();
  const { record } = await world.reaches(lane, id, "completed");
  expect([asked, await world.resultsIn(lane, record.results?.outputFile)]).toMatchObject([
    { length: 3 },
    { length: 3 },
  ]);
});

it("answers each line once of more batches than have a turn, after a time without answers", async () => {
  let isAway = true;
  let asked = 0;
  const answer: AnswerLine = async () => {
    asked += 1;
    return isAway ? undefined : good;
  };
  const lane = world.open({ answer });
  const input = await world.upload(lane, linesOf(numbered(3)));
  const made = await Promise.all(Array.from({ length: 40 }, () => world.create(lane, input)));
  await world.until(() => asked > 400);
  isAway = false;
  for (const { id } of made) {
    const { record, counts } = await world.reaches(lane, id, "completed");
    expect([counts.completed, await world.resultsIn(lane, record.results?.outputFile)]).toMatchObject([
      3,
      { length: 3 },
    ]);
  }
});

/** The status with which the line is answered. */
function statusOf(id: string): number {
  return Number(id) % 3 === 0 ? 400 : 200;
}

it("gives each line one result, with kills, pauses, failing answers and a failing disk in any order", async () => {
  const step = fc.record({ kind: fc.constantFrom("kill", "pause"), answers: fc.integer({ min: 0, max: 20 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        lines: fc.integer({ min: 1, max: 60 }),
        steps: fc.array(step, { maxLength: 4 }),
        end: fc.constantFrom("completed", "cancelled", "expired"),
        // At 2 ** 31 - 1 all chances would be 0.
        seed: fc.integer({ min: 1, max: 2 ** 31 - 2 }),
        failing: fc.constantFrom(0, 0.2, 0.5),
      }),
      async ({ lines, steps, end, seed, failing }) => {
        let state = seed;
        const chance = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
        let answers = 0;
        const answer: AnswerLine = async ({ customId }) => {
          for (let turns = Math.floor(20 * chance()); turns > 0; turns -= 1) await new Promise(setImmediate);
          answers += 1;
          return chance() < failing ? undefined : { ...good, status: statusOf(customId) };
        };
        let isBroken = false;
        const open = diskWith((path) => isBroken && !path.includes("parts") && chance() < failing / 2);
        let lane = world.open({ answer, open });
        const ids = numbered(lines);
        const hourMs = 3_600_000;
        const input = await world.upload(lane, linesOf(ids));
        const { id } = await world.create(lane, input, { windowMs: end === "expired" ? 60_000 : 24 * hourMs });
        isBroken = true;
        const hasEnded = async (): Promise<boolean> => batchHasEnded((await lane.batches.get(id, "c")).record);
        const accepts = async (change: () => Promise<unknown>): Promise<boolean> =>
          (await hasEnded()) ||
          (await change().then(
            () => true,
            () => false,
          ));
        for (const { kind, answers: more } of steps) {
          const enough = answers + more;
          await world.until(async () => answers >= enough || (await hasEnded()));
          if (kind === "pause") {
            await lane.batches.pause(id, "c", true).catch(() => {});
            await world.until(() => accepts(() => lane.batches.pause(id, "c", false)));
            continue;
          }
          await world.kill();
          const output = join(world.folder, "batches", id, "output");
          if (existsSync(output) && statSync(output).size % 2 === 0) appendFileSync(output, '{"id":"0","sta');
          lane = world.open({ answer, open });
        }
        if (end === "cancelled") await world.until(() => accepts(() => lane.batches.cancel(id, "c")));
        await world.until(hasEnded);
        const { record, counts } = await lane.batches.get(id, "c");
        const files = [record.results?.outputFile, record.results?.errorFile];
        const texts = await Promise.all(
          files.map(async (file) => (file === undefined ? "" : await textOf(await lane.files.read(file, "c")))),
        );
        const results = texts.flatMap(resultsOf);
        // A batch that was cancelled during its check has no lines.
        const expected = record.total === 0 ? [] : ids;
        expect(results.map((result) => result.id).toSorted()).toEqual([...expected].toSorted());
        for (const result of results) expect([0, statusOf(result.id)]).toContain(result.status);
        const unanswered = results.filter(({ status }) => status === 0).length;
        expect(counts.completed + counts.failed).toBe(results.length - unanswered);
        expect(counts.unanswered).toBe(unanswered);
        expect(["completed", end]).toContain(record.status);
        if (record.status === "completed") expect(unanswered).toBe(0);
        await world.reset();
      },
    ),
    { numRuns: inject("runs").laneFaults, endOnFailure: true },
  );
});
