// Tests how jobs with pictures and questions about pictures reach workers that can read them.
import { createHash, randomBytes } from "node:crypto";
import type { GenerateWork, Picture } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import type { GatewaySide } from "../gateway/gateway-port.ts";
import type { Broker } from "../broker/port.ts";
import { storedPictures } from "../pictures/picture-store.ts";
import type { FleetJob } from "../queue/records.ts";
import {
  fakeModel,
  file,
  finish,
  fleetIdOf,
  joinGateway,
  joinWorker,
  priorOutputOf,
  seeingFile,
  sendTokens,
  unique,
  pass,
  until,
  useFleet,
  joinBoth,
  joinModel,
  submitJob,
  withParts,
  type LocalJob,
} from "../testing/fleet.ts";

const stays = new AbortController().signal;

function pictureOf(length: number): Picture {
  const bytes = randomBytes(length);
  return { sha256: createHash("sha256").update(bytes).digest("hex"), bytes };
}

const pictures = [pictureOf(300_000), pictureOf(10)];

async function put(gateway: GatewaySide, given = pictures) {
  const stored = storedPictures(unique("key"), given);
  await gateway.pictures.put(stored.key, given, { client: "a", signal: stays });
  return stored;
}

/** Publishes a job with pictures. */
async function publish(gateway: GatewaySide, more: Partial<FleetJob>, at?: string) {
  return await submitJob(gateway, { pictures: await put(gateway), ...more }, at);
}

function hashesOf({ spec }: LocalJob): readonly string[] {
  const given = (spec.work as GenerateWork).pictures ?? [];
  return given.map(({ bytes }) => createHash("sha256").update(bytes).digest("hex"));
}

const expected = pictures.map(({ sha256 }) => sha256);

describe("a fleet's job with pictures", () => {
  const fleet = useFleet();

  test("goes only to a worker whose model reads pictures, with the pictures", async () => {
    const { name: model, gateway, model: blind, worker: blindWorker } = await joinBoth(fleet);
    const [one, other] = [await publish(gateway, { model }), await publish(gateway, { model }, blindWorker.id)];
    const { job: text } = await submitJob(gateway, { model });
    expect(fleetIdOf(await blind.job())).toBe(text.id);
    const { model: seeing } = await joinModel(fleet, model, { from: seeingFile });
    const locals = [await seeing.job(0), await seeing.job(1)];
    expect(new Set(locals.map(fleetIdOf))).toEqual(new Set([one.job.id, other.job.id]));
    expect(locals.map(hashesOf)).toEqual([expected, expected]);
    for (const local of locals) finish(seeing, local);
    await Promise.all([one, other].map(({ received }) => received.ended()));
    expect(blind.jobs).toHaveLength(1);
  });

  test("continues at another worker with the same projector when its worker is lost in mid-answer", async () => {
    const { name: model, gateway, model: dying, worker } = await joinBoth(fleet, { from: seeingFile });
    const { received } = await publish(gateway, { model });
    sendTokens(await dying.job(), 0, 1);
    await until(() => received.tokens().length === 2);
    const blind = fakeModel(model);
    const scaling = fakeModel(model, 2, { ...seeingFile, vision: "projector, smaller pictures" });
    const sibling = fakeModel(model, 2, seeingFile);
    for (const one of [blind, scaling]) await joinWorker(fleet, { models: [one] });
    worker.kill();
    // Meanwhile the queue offers the job to the others.
    await pass(fleet, 10_000);
    await joinWorker(fleet, { models: [sibling] });
    const resumed = await sibling.job();
    expect(priorOutputOf(resumed)).toEqual({ ids: [100, 101], events: 2 });
    expect(hashesOf(resumed)).toEqual(expected);
    sendTokens(resumed, 2);
    finish(sibling, resumed);
    expect(await received.ended()).toMatchObject({ type: "finished" });
    expect(received.tokens()).toEqual([100, 101, 102]);
    expect([blind.jobs, scaling.jobs]).toEqual([[], []]);
  });

  test("fails with an error that names the picture, if the fleet no longer has it", async () => {
    const { name: model, gateway, model: seeing } = await joinBoth(fleet, { from: seeingFile });
    const stored = storedPictures(unique("key"), pictures);
    const { received } = await publish(gateway, { model, pictures: stored });
    expect(await received.ended()).toMatchObject({
      type: "failed",
      code: "engine_failed",
      message: expect.stringMatching(/^Cannot read picture 1:/) as string,
    });
    expect(seeing.jobs).toEqual([]);
  });

  test("ends without a run when it is cancelled while its pictures are read", async () => {
    let pieces = 0;
    const through = (broker: Broker): Broker =>
      withParts(broker, {
        pictures: withParts(broker.pictures, {
          async get(topic) {
            pieces += 1;
            return await broker.pictures.get(topic);
          },
        }),
      });
    const { name: model, gateway, model: seeing, worker } = await joinBoth(fleet, { from: seeingFile, through });
    const { job, received } = await publish(gateway, { model, pictures: await put(gateway, [pictureOf(60_000_000)]) });
    await until(() => received.records.some(({ kind }) => kind === "fence"));
    await gateway.cancel(job.id, "client");
    expect(await received.ended()).toMatchObject({ type: "cancelled", steps: 0 });
    expect(seeing.jobs).toEqual([]);
    // The picture has 229 pieces.
    expect(pieces).toBeLessThan(200);
    await until(() => worker.side.running === 0);
    await gateway.pictures.remove(job.pictures?.key ?? "");
  });

  test("is put back for another worker when this one refuses it, which reads the pictures again", async () => {
    const model = unique("model");
    const gateway = await joinGateway(fleet);
    const full = fakeModel(model, 2, seeingFile);
    full.refuseWith = new WaggleError("unavailable", "The engine is restarting.");
    await joinWorker(fleet, { models: [full] });
    const { received } = await publish(gateway, { model });
    await until(() => received.records.some(({ kind }) => kind === "output"));
    const { model: other } = await joinModel(fleet, model, { from: seeingFile });
    expect(hashesOf(await other.job())).toEqual(expected);
    finish(other, await other.job());
    expect(await received.ended()).toMatchObject({ type: "finished" });
  });
});

describe("a question about pictures", () => {
  const fleet = useFleet();

  test("goes only to a worker whose model reads pictures, with the pictures", async () => {
    const model = unique("model");
    const gateway = await joinGateway(fleet);
    const asked: string[] = [];
    const join = async (who: string, from = file) =>
      await joinWorker(fleet, {
        models: [fakeModel(model, 2, from)],
        async answer(question) {
          const given =
            question.kind === "query" && question.question.kind === "count" ? question.question.pictures : [];
          asked.push(`${who} ${given?.map(({ bytes }) => bytes.length).join()}`);
          return { kind: "query", result: { kind: "count", promptTokens: 7 } };
        },
      });
    await join("blind");
    const question = { kind: "count", messages: [] } as const;
    const ask = async () =>
      await gateway.ask(
        { kind: "query", model, client: "a", question, pictures: await put(gateway) },
        { timeoutMs: 5_000, ability: "pictures" },
      );
    await expect(ask()).rejects.toMatchObject({ code: "unavailable" });
    const { side } = await join("seeing", seeingFile);
    side.changed();
    for (let i = 0; i < 3; i += 1) expect(await ask()).toMatchObject({ result: { promptTokens: 7 } });
    expect(asked).toEqual(Array(3).fill("seeing 300000,10"));
    const gone = { kind: "query", model, client: "a", question, pictures: storedPictures("no-key", pictures) } as const;
    await expect(gateway.ask(gone, { timeoutMs: 5_000, ability: "pictures" })).rejects.toMatchObject({
      code: "engine_failed",
    });
  });
});
