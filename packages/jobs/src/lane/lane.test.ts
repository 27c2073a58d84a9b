// Tests the life of batches in a folder: from the upload to the results, with cancel, expiry, pause and restarts.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { deferred } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { needs } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import {
  good,
  linesOf,
  numbered,
  resultsOf,
  stuckAt,
  testModel,
  testShape,
  textOf,
  useLaneWorld,
} from "../testing/lane-world.ts";
import type { AnswerLine, LaneModel } from "./lane-port.ts";

const world = useLaneWorld();

/** What changes with the first answer. */
interface AwayOptions {
  readonly answer?: string;
  readonly refusal?: string;
  readonly models?: readonly LaneModel[] | WaggleError;
}

const notFound = { code: "not_found" };
const conflict = { code: "conflict" };
const dayMs = 86_400_000;

it("runs a batch of an uploaded file, and publishes its results as files", async () => {
  const lane = world.open({ answer: stuckAt() });
  expect([...(await lane.files.list("c")), ...(await lane.batches.list(undefined))]).toEqual([]);
  expect(existsSync(world.folder)).toBe(false);
  const text = `\uFEFF${linesOf(["a"])}\r\n${linesOf(["bad"]).replace("\n", "\r\n")}\n\n{"id":"ü"}`;
  const input = await world.upload(lane, text);
  expect(statSync(world.folder).mode & 0o777).toBe(0o700);
  const { id } = await world.create(lane, input, { metadata: { k: "v" } });
  await lane.files.remove(input, "c");
  const { record, counts, usage } = await world.reaches(lane, id, "completed");
  expect(record).toMatchObject({ total: 3, model: "m", inputFile: input, metadata: { k: "v" } });
  expect(Object.keys(record.at)).toEqual(["validating", "in_progress", "finalizing", "completed"]);
  expect([counts, usage.outputTokens]).toEqual([{ completed: 2, failed: 1, unanswered: 0 }, 2]);
  const { outputFile, errorFile } = record.results ?? {};
  const read = await Promise.all([outputFile, errorFile].map((file) => world.resultsIn(lane, file)));
  expect(read.map((results) => results.map((result) => result.id))).toEqual([["a", "ü"], ["bad"]]);
  const purpose = "batch_output";
  expect(await lane.files.list("c")).toMatchObject([
    { id: errorFile, purpose, filename: `${id}_error.jsonl` },
    { id: outputFile, purpose },
  ]);
  await world.until(() => readdirSync(join(world.folder, "batches", id)).length === 1);
  await world.kill();
  const later = world.open();
  expect((await later.batches.get(id, "c")).record).toEqual(record);
  expect(await world.resultsIn(later, outputFile)).toHaveLength(2);
  expect(world.logged.filter(({ msg }) => msg === "batch_ended")).toMatchObject([{ status: "completed", failed: 1 }]);
});

it("keeps files and batches from other clients, and shows them all to no owner", async () => {
  const lane = world.open({ answer: stuckAt("a") });
  const file = await world.upload(lane, linesOf(["a"]));
  const { id } = await world.create(lane, file);
  await expect(world.create(lane, file, { client: "other" })).rejects.toMatchObject(notFound);
  for (const refused of [
    lane.files.get(file, "other"),
    lane.files.read(file, "other"),
    lane.files.remove("../record.json", "c"),
    lane.batches.get(id, "other"),
    lane.batches.cancel(id, "other"),
    lane.batches.results("msgbatch_x", undefined),
  ])
    await expect(refused).rejects.toMatchObject({ ...notFound, details: { problems: [{ field: "id" }] } });
  expect([...(await lane.files.list("other")), ...(await lane.batches.list("other"))]).toEqual([]);
  expect([await lane.files.list(undefined), await lane.batches.list("c")]).toMatchObject([
    { length: 1 },
    { length: 1 },
  ]);
});

it("cancels a batch, keeps its answers, and refuses what comes too early or too late", async () => {
  const lane = world.open({ answer: stuckAt("2", "3") });
  const ids = numbered(40);
  const { id } = await world.create(lane, await world.upload(lane, linesOf(ids)));
  await world.until(async () => (await lane.batches.get(id, "c")).counts.completed === 38);
  await expect(lane.batches.results(id, "c")).rejects.toMatchObject(conflict);
  await expect(lane.batches.remove(id, "c")).rejects.toMatchObject(conflict);
  const cancels = await Promise.all([lane.batches.cancel(id, "c"), lane.batches.cancel(id, "c")]);
  expect(cancels.map(({ record }) => record.status)).toEqual(["cancelling", "cancelling"]);
  const { record, counts } = await world.reaches(lane, id, "cancelled");
  expect(counts).toEqual({ completed: 38, failed: 0, unanswered: 2 });
  expect(await world.resultsIn(lane, record.results?.errorFile)).toEqual([
    { id: "2", status: 0, why: "cancelled" },
    { id: "3", status: 0, why: "cancelled" },
  ]);
  expect((await lane.batches.cancel(id, "c")).record.status).toBe("cancelled");
  await expect(lane.batches.pause(id, "c", true)).rejects.toMatchObject(conflict);
  const { id: second } = await world.create(lane, await world.upload(lane, linesOf(["x"])));
  await world.reaches(lane, second, "completed");
  await expect(lane.batches.cancel(second, "c")).rejects.toMatchObject(conflict);
});

it("pauses a batch, also across a restart, and asks for each line once", async () => {
  const asked: string[] = [];
  const answer: AnswerLine = async (line, record, signal) => {
    asked.push(line.customId);
    return await stuckAt(asked.length > 20 ? line.customId : "")(line, record, signal);
  };
  const lane = world.open({ answer });
  const { id } = await world.create(lane, await world.upload(lane, linesOf(numbered(30))));
  await world.until(async () => (await lane.batches.get(id, "c")).counts.completed === 20);
  expect((await lane.batches.get(id, "c")).estimate?.linesPerSecond).toBeGreaterThan(0);
  await lane.batches.pause(id, "c", true);
  await world.kill();
  asked.length = 0;
  const later = world.open({ answer });
  expect((await later.batches.get(id, "c")).counts.completed).toBe(20);
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  expect(asked).toEqual([]);
  await later.batches.pause(id, "c", false);
  await world.reaches(later, id, "completed");
  expect(asked).toEqual(numbered(30).slice(20));
});

it("lists batches after a restart without reading their results, unless a file was cut", async () => {
  let read = 0;
  const readResult: typeof testShape.readResult = (text) => {
    read += 1;
    return testShape.readResult(text);
  };
  const answer = stuckAt("20", "21");
  const lane = world.open({ answer });
  const { id } = await world.create(lane, await world.upload(lane, linesOf(numbered(22))));
  await world.until(async () => (await lane.batches.get(id, "c")).counts.completed === 20);
  await lane.batches.pause(id, "c", true);
  const isKept = (): boolean =>
    readFileSync(join(world.folder, "batches", id, "record.json"), "utf8").includes('"completed":20');
  await world.until(isKept);
  const listed = async (): Promise<unknown> => {
    const [first] = await world.open({ shape: { ...testShape, readResult } }).batches.list("c");
    return [(await first?.view())?.counts.completed, read];
  };
  await world.kill();
  expect(await listed()).toEqual([20, 0]);
  await world.kill();
  const output = join(world.folder, "batches", id, "output");
  writeFileSync(output, readFileSync(output, "utf8").split("\n").slice(0, 3).join("\n"));
  expect(await listed()).toEqual([2, 2]);
});

it.each([false, true])("expires a batch whose window passes; while the daemon is off: %s", async (isOff) => {
  let lane = world.open({ answer: stuckAt("b") });
  const { id } = await world.create(lane, await world.upload(lane, linesOf(["a", "b"])), { windowMs: 60_000 });
  await world.until(async () => (await lane.batches.get(id, "c")).counts.completed === 1);
  if (isOff) {
    await world.kill();
    world.clock.advance(60_000);
    lane = world.open();
  }
  const { record, counts } = await world.reaches(lane, id, "expired");
  expect([counts, record.at.expired]).toEqual([{ completed: 1, failed: 0, unanswered: 1 }, expect.any(Number)]);
  expect(await world.resultsIn(lane, record.results?.errorFile)).toEqual([{ id: "b", status: 0, why: "expired" }]);
});

it("takes lines with the request, keeps Anthropic's results in the batch, and deletes them", async () => {
  const lane = world.open({ answer: stuckAt() });
  const lines = await lane.files.receive("c", 1_000);
  await lines.write(Buffer.from(linesOf(["a", "bad"])));
  const { id } = await world.create(lane, lines, { dialect: "anthropic" });
  expect(id).toMatch(/^msgbatch_[0-9a-f]{32}$/);
  await world.reaches(lane, id, "completed");
  expect(await lane.files.list(undefined)).toEqual([]);
  expect(resultsOf(await textOf(await lane.batches.results(id, "c"))).map((result) => result.id)).toEqual(["a", "bad"]);
  await lane.batches.remove(id, "c");
  await expect(lane.batches.get(id, "c")).rejects.toMatchObject(notFound);
  expect(readdirSync(join(world.folder, "batches"))).toEqual([]);
});

it("finds the batch of a repeated request by its key, for its client only", async () => {
  const lane = world.open({ answer: stuckAt("a") });
  const [file, other] = [await world.upload(lane, linesOf(["a"])), await world.upload(lane, linesOf(["a"]), "d")];
  const wanted = { idempotencyKey: "k" };
  const made = await Promise.all([world.create(lane, file, wanted), world.create(lane, file, wanted)]);
  expect(made[0].id).toBe(made[1].id);
  for (const more of [{ endpoint: "/y" }, { input: await world.upload(lane, linesOf(["b"])) }])
    await expect(world.create(lane, file, { ...wanted, ...more })).rejects.toMatchObject(conflict);
  expect((await world.create(lane, other, { ...wanted, client: "d" })).id).not.toBe(made[0].id);
  await world.kill();
  expect((await world.create(world.open(), file, wanted)).id).toBe(made[0].id);
});

describe("the folder", () => {
  it("removes expired files, old batches, and what a killed process has left", async () => {
    const lane = world.open();
    const abandoned = await lane.files.receive("c", 1_000);
    await abandoned.write(Buffer.from("x"));
    const { id } = await world.create(lane, await world.upload(lane, linesOf(["a"])), { outputSeconds: 3_600 });
    const { record } = await world.reaches(lane, id, "completed");
    await world.kill();
    writeFileSync(join(world.folder, "files", "file-x"), "no facts");
    mkdirSync(join(world.folder, "batches", "batch_x"));
    const later = world.open();
    const file = record.results?.outputFile ?? "";
    await later.files.get(file, "c");
    const left = ["parts", "batches"].map((name) => readdirSync(join(world.folder, name)));
    expect([left, existsSync(join(world.folder, "files", "file-x"))]).toEqual([[[], [id]], false]);
    world.clock.advance(3_600_000);
    await world.until(() => !existsSync(join(world.folder, "files", file)));
    await expect(later.files.get(file, "c")).rejects.toMatchObject(notFound);
    world.clock.advance(30 * dayMs);
    await world.until(async () => (await later.batches.list("c")).length === 0);
    // As the end of the killed process would have closed it.
    await abandoned.abort();
  });

  it("costs files and batches alone when it is locked or cannot be made, and is tried again", async () => {
    let isLocked = true;
    const lane = world.open({ lock: async () => (isLocked ? undefined : { release: () => {} }) });
    const refusal = { code: "unavailable", message: expect.stringContaining(world.folder) as string };
    mkdirSync(dirname(world.folder), { recursive: true });
    writeFileSync(world.folder, "");
    await expect(lane.batches.list("c")).rejects.toMatchObject(refusal);
    rmSync(world.folder);
    await expect(world.upload(lane, "")).rejects.toMatchObject(refusal);
    isLocked = false;
    await world.upload(lane, "");
  });

  it("leaves files and batches alone that it cannot read, and has the others", async () => {
    const lane = world.open({ answer: stuckAt("a") });
    const [torn, whole] = [await world.upload(lane, linesOf(["a"])), await world.upload(lane, "")];
    const { id } = await world.create(lane, torn);
    await world.kill();
    const write = (path: string, text: string): void => writeFileSync(join(world.folder, path), text);
    write(`batches/${id}/record.json`, '{"record":');
    write("batches/stray", "");
    write(`files/${torn}.json`, "");
    write("files/file-x.json", "null");
    const later = world.open();
    expect(await later.files.list("c")).toMatchObject([{ id: whole }]);
    expect([await later.batches.list("c"), existsSync(join(world.folder, "files", torn))]).toEqual([[], true]);
    expect(world.logged.filter(({ msg }) => msg === "batch_unreadable")).toHaveLength(4);
  });

  it("does not read a file as empty whose bytes somebody has deleted", async () => {
    const lane = world.open();
    const file = await world.upload(lane, linesOf(["a"]));
    rmSync(join(world.folder, "files", file));
    await expect(lane.files.read(file, "c")).rejects.toMatchObject(notFound);
    await expect(world.create(lane, file)).rejects.toMatchObject(notFound);
  });

  it.each([
    ["bytes of all", { maxBytes: 100 }, "100 B"],
    ["bytes of a client", { maxBytes: 300, clientShare: 0.5 }, "150 B"],
    ["free bytes of the disk", { freeBytes: 2 ** 60 }, "must stay free"],
    ["files and batches", { maxThings: 2 }, "2 files and batches"],
  ])("refuses more than its limit of %s, and names it", async (_, limits, named) => {
    const lane = world.open({ limits, answer: stuckAt("a") });
    const fill = async (): Promise<void> => {
      for (let turn = 0; turn < 4; turn += 1)
        await world.create(lane, await world.upload(lane, linesOf(["a"], { pad: "x".repeat(50) })));
    };
    const refusal = { code: "out_of_space", message: expect.stringContaining(named) as string };
    await expect(fill()).rejects.toMatchObject(refusal);
    expect(readdirSync(join(world.folder, "parts"))).toEqual([]);
  });

  it("refuses a file beyond its limit, and leaves nothing of it", async () => {
    const lane = world.open();
    const receiving = await lane.files.receive("c", 10);
    await receiving.write(Buffer.from("12345"));
    await expect(receiving.write(Buffer.from("678901"))).rejects.toMatchObject({ code: "payload_too_large" });
    expect([readdirSync(join(world.folder, "parts")), await lane.files.list("c")]).toEqual([[], []]);
  });
});

it("closes a file whose reader leaves, and opens none that is not read", needs("Linux"), async () => {
  const lane = world.open();
  const file = await world.upload(lane, "x".repeat(1_000_000));
  const isOpen = (): boolean =>
    readdirSync("/proc/self/fd").some((fd) => {
      const link = join("/proc/self/fd", fd);
      return existsSync(link) && readlinkSync(link).endsWith(file);
    });
  const content = await lane.files.read(file, "c");
  expect(isOpen()).toBe(false);
  const reader = content.getReader();
  await reader.read();
  expect(isOpen()).toBe(true);
  await reader.cancel();
  expect(isOpen()).toBe(false);
});

it("runs from line to line without a timer", async () => {
  const lane = world.open();
  const { id } = await world.create(lane, await world.upload(lane, linesOf(numbered(1_000))));
  await world.until(async () => (await lane.batches.get(id, "c")).record.status === "completed", "stops");
});

it("looks at batches that wait for their quota once a beat, not with each line of others", async () => {
  let looks = 0;
  const refusalFor = (client: string): string | undefined => (client === "full" ? `${(looks += 1)}` : undefined);
  const lane = world.open({ refusalFor });
  const [input, others] = [
    await world.upload(lane, linesOf(numbered(200))),
    await world.upload(lane, linesOf(["a"]), "full"),
  ];
  const waiting = Array.from({ length: 60 }, () => world.create(lane, others, { client: "full" }));
  await Promise.all(waiting.map(async (made) => await world.reaches(lane, (await made).id, "in_progress")));
  looks = 0;
  const { id } = await world.create(lane, input);
  await world.until(async () => (await lane.batches.get(id, "c")).record.status === "completed", "stops");
  expect(looks).toBeLessThan(10 * 60);
  const views = await Promise.all((await lane.batches.list("full")).map(({ view }) => view()));
  expect(views.filter(({ reason }) => reason === undefined)).toEqual([]);
});

it("waits for the models of a fleet that are not known yet, and says so", async () => {
  let served: readonly LaneModel[] = [];
  const lane = world.open({ modelsKnownAfterMs: 60_000, models: () => served });
  const [input, other] = [
    await world.upload(lane, linesOf(["a"], { model: "m" })),
    await world.upload(lane, linesOf(["a"], { model: "x" })),
  ];
  const [{ id }, { id: unknown }] = [await world.create(lane, input), await world.create(lane, other)];
  await world.until(async () => (await lane.batches.get(id, "c")).reason !== undefined);
  expect(await lane.batches.get(id, "c")).toMatchObject({
    reason: "Unknown model m.",
    record: { status: "validating" },
  });
  served = [testModel("m")];
  expect((await world.reaches(lane, id, "completed")).reason).toBeUndefined();
  expect((await world.reaches(lane, unknown, "failed")).reason).toBeUndefined();
});

it.each<[string, string, AwayOptions]>([
  ["a server that cannot answer", "Too busy.", { answer: "Too busy." }],
  ["its quota", "Used up.", { refusal: "Used up." }],
  ["a model that was removed", "Model m is not served now.", { models: [] }],
  ["a fleet without workers", "No worker.", { models: new WaggleError("unavailable", "No worker.") }],
  ["a model that is not loaded", "Model m is not loaded.", { models: [testModel("m", { isLoaded: false })] }],
])("says that it waits for %s, until a line is answered", async (_, reason, away) => {
  let isAway = false;
  const back = deferred<void>();
  const lane = world.open({
    models() {
      const models = (isAway ? away.models : undefined) ?? [testModel("m", { slots: 1 })];
      if (models instanceof WaggleError) throw models;
      return models;
    },
    refusalFor: () => (isAway ? away.refusal : undefined),
    async answer({ customId }) {
      if (customId === "0") isAway = true;
      else if (isAway && away.answer === undefined) await back.promise;
      else if (isAway) return away.answer;
      return good;
    },
  });
  const { id } = await world.create(lane, await world.upload(lane, linesOf(numbered(9))));
  const reasonOf = async (): Promise<unknown> => (await lane.batches.get(id, "c")).reason;
  expect(await reasonOf()).toBeUndefined();
  await world.until(async () => (await reasonOf()) !== undefined);
  expect([await reasonOf(), (await lane.batches.get(id, "c")).record.status]).toEqual([reason, "in_progress"]);
  isAway = false;
  back.resolve();
  expect((await world.reaches(lane, id, "completed")).reason).toBeUndefined();
});

it("reads few lines ahead, and orders them by loaded models and prefixes", async () => {
  let read = 0;
  const shape = {
    ...testShape,
    readLine(...line: Parameters<typeof testShape.readLine>) {
      read += 1;
      return testShape.readLine(...line);
    },
  };
  const models = [testModel("cold", { isLoaded: false }), testModel("warm", { slots: 1 })];
  const asked: string[] = [];
  const lane = world.open({
    ...{ shape, models: () => models },
    answer: async ({ model, prefix }) => {
      if (asked.length < 256) asked.push(`${model} ${prefix}`);
      return asked.length > 255 ? undefined : good;
    },
  });
  const text = numbered(3_000)
    .map((id) => linesOf([id], { model: Number(id) % 3 === 0 ? "cold" : "warm", prefix: `p${Number(id) % 2}` }))
    .join("");
  const { id } = await world.create(lane, await world.upload(lane, text));
  await world.reaches(lane, id, "in_progress");
  read = 0;
  await world.until(() => asked.length === 256);
  expect(read).toBeLessThan(3 * 256);
  const changes = asked.slice(0, 256).filter((what, index) => what !== asked[index - 1]);
  expect(changes).toEqual(["warm p0", "warm p1", "cold p0", "cold p1"]);
});
