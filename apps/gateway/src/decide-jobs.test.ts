// Tests which workers get a gateway's decide jobs, and where such a job continues.
import { noTotals, type DecideWork, type JobEvent } from "@waggle/engine";
import { systemChance } from "@waggle/fleet";
import { hasEnded, type Job } from "@waggle/jobs";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parseConfig } from "./config.ts";
import { createGatewayJobs, type GatewayJobs } from "./gateway-jobs.ts";
import { createFakeFleet } from "./testing/fake-fleet.ts";
import { publishedJob, until } from "./testing/waiting.ts";

const picture = { sha256: "a".repeat(64), bytes: new Uint8Array([1]) };
const image = { type: "image", picture: 0 } as const;
const reading = { content: [image], options: [["A"], ["B"]], ends: false };
const work: DecideWork = {
  kind: "decide",
  state: { messages: [{ role: "user", content: [{ type: "text", text: "wet parcel" }, image] }] },
  readings: [reading, reading],
};
const read = (index: number): JobEvent => ({ type: "embedding", jobId: "theirs", index, vector: [index], tokens: 1 });
const finished: JobEvent = { type: "finished", jobId: "theirs", by: "end", ...noTotals };

let clock = createFakeClock();
let fleet = createFakeFleet();
let jobs: GatewayJobs;
beforeEach(() => {
  clock = createFakeClock();
  fleet = createFakeFleet();
  const parsed = parseConfig(["--local-mode", "--nats-url", "nats://127.0.0.1:4222"], {});
  if (parsed.kind === "exit") throw new Error(parsed.stderr);
  jobs = createGatewayJobs({
    ...{ config: parsed.config, side: fleet.side("g"), observers: [], clock, chance: systemChance },
    log: createLogger({ level: "silent", format: "json", name: "test" }),
    metrics: createWorkerMetrics(),
  });
});
afterEach(async () => {
  jobs.abort();
  await jobs.stop();
});

const submit = async (pictures?: DecideWork["pictures"]): Promise<Job> =>
  await jobs.models.dispatcher.submit({
    model: "m",
    who: { client: "c", trace: "t" },
    when: { priority: 0, onDisconnect: "continue", direct: true },
    work: { ...work, pictures },
  });

it("a decide job is refused while only workers of an earlier version serve the model", async () => {
  fleet.join({ id: "old", model: "m", slots: 1 });
  await expect(submit()).rejects.toMatchObject({
    code: "unavailable",
    message: "Cannot accept the job: no worker that serves m now knows decide jobs. Update the workers.",
  });
  fleet.join({ id: "new", model: "m", slots: 1, decides: true });
  await submit();
  await publishedJob(fleet);
});

it("an accepted decide job ends when no worker that can decide has come for a minute", async () => {
  const { model, ...worker } = { id: "w", model: "m", slots: 1 };
  fleet.join({ ...worker, model, decides: true });
  const job = await submit();
  await publishedJob(fleet);
  fleet.join({ ...worker, model });
  clock.advance(61_000);
  await until(() => expect(hasEnded(job)).toBe(true));
  expect(job.log.terminal).toMatchObject({ code: "unavailable" });
  expect(job.log.terminal).toHaveProperty("message", expect.stringContaining("m for decisions"));
});

it("the offer of a slot and the preflight go to workers that can decide, and the preflight has no pictures", async () => {
  fleet.join({ id: "a-new", model: "m", slots: 1, decides: true, readsPictures: true });
  fleet.join({ id: "b-new", model: "m", slots: 1, decides: true, readsPictures: true });
  const checked: unknown[] = [];
  const { answer } = fleet;
  fleet.answer = (question, worker) => {
    if (question.kind === "preflight") checked.push(question.job.work);
    return answer(question, worker);
  };
  const first = await submit([picture]);
  fleet.take(await publishedJob(fleet), "b-new").emit(read(0), read(1), finished);
  await first.ended.promise;
  const dot = { type: "text", text: "." };
  const bare = { ...reading, content: [dot] };
  const state = { messages: [{ role: "user", content: [{ type: "text", text: "wet parcel" }, dot] }] };
  expect(checked).toEqual([{ ...work, state, pictures: undefined, readings: [bare, bare] }]);
  fleet.join({ id: "b-new", model: "m", slots: 1, readsPictures: true });
  const second = await submit([picture]);
  fleet.take(await publishedJob(fleet, 1), "a-new").emit(finished);
  await second.ended.promise;
  expect([fleet.offered, fleet.published.map(({ at }) => at)]).toEqual([[], [undefined, undefined]]);
});

it("a decide job continues at another worker behind the readings that arrived, and keeps its pictures until its end", async () => {
  for (const id of ["w1", "w2"]) fleet.join({ id, model: "m", slots: 1, decides: true, readsPictures: true });
  const job = await submit([picture]);
  const published = await publishedJob(fleet);
  expect(published.spec.work).toEqual({ ...work, pictures: undefined });
  expect(fleet.pictures.get(published.pictures?.key ?? "")).toEqual([picture.sha256]);
  fleet.take(published, "w1").emit(read(0));
  fleet.take(published, "w2").emit(read(0), read(1), finished);
  await job.ended.promise;
  expect([job.vectors, job.log.terminal?.type]).toEqual([[[0], [1]], "end"]);
  await until(() => expect(fleet.pictures.size).toBe(0));
});
