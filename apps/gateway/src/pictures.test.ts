// Tests how long a gateway keeps the pictures of its jobs and questions in the fleet's store.
import { createHash } from "node:crypto";
import { pass, seeingFile, until, useFleet } from "@waggle/fleet/testing";
import { madeUpPng } from "@waggle/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { createQuestions } from "./link/questions.ts";
import { received, startGateway, startWorker, stopNats, type TestGateway, type TestWorker } from "./testing/gateway.ts";

const [red, green] = [madeUpPng(0xff0000), madeUpPng(0x00ff00)];
const pictures = [red, green].map((bytes) => ({
  sha256: createHash("sha256").update(bytes).digest("hex"),
  bytes: new Uint8Array(bytes),
}));
const hashes = pictures.map(({ sha256 }) => sha256);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const part = (bytes: Uint8Array) => ({
  type: "image_url",
  image_url: { url: `data:image/png;base64,${base64(bytes)}` },
});
const tooLarge = [{ sha256: "a", bytes: new Uint8Array(70_000_000) }];

function request(more: object = {}) {
  const content = [part(red), { type: "text", text: "What?" }, part(green)];
  return { messages: [{ role: "user", content }], job_id: "j", seed: 1, on_disconnect: "continue", ...more };
}

const fleet = useFleet();
let worker: TestWorker;
let one: TestGateway;
beforeEach(async () => {
  worker = await startWorker(fleet, { from: seeingFile });
  one = await startGateway(fleet);
});

const areStored = async (): Promise<boolean> => (await one.member.storeUse()).pictures > 0;
/** Checks that no pictures are left in a moment, long before NATS deletes them by age. */
async function expectGone(): Promise<void> {
  await pass(fleet, 1_000);
  expect(await areStored()).toBe(false);
}

/** Fills the worker with this gateway's job. */
async function fill(): Promise<void> {
  await one.post("/v1/jobs", { prompt: "x", job_id: "fills", on_disconnect: "continue" });
  await worker.tokens(0);
}

/** Checks that the worker gets the pictures with its job. */
async function expectPictures(index: number): Promise<void> {
  expect((await worker.tokens(index, "a")).spec.work).toMatchObject({ pictures });
}

describe("the pictures of a job", () => {
  it("are in the store while the job lives, and not in its messages", async () => {
    expect((await one.post("/v1/jobs", request())).status).toBe(202);
    await expectPictures(0);
    const [{ job } = {}] = one.published;
    expect(job?.pictures?.files).toEqual(pictures.map(({ sha256, bytes }) => ({ sha256, size: bytes.length })));
    expect(job?.spec.work).toMatchObject({ pictures: undefined });
    const record = (await one.member.records.get("local", "j"))?.record;
    expect([record?.pictures, JSON.stringify(record).includes('"bytes"')]).toEqual([job?.pictures, false]);
    expect(await areStored()).toBe(true);
    await worker.finish(0);
    await expectGone();
    const terminal = one.registry.get("local", "j")?.log.terminal;
    expect(terminal).toMatchObject({ type: "end", receipt: { pictures_sha256: hashes } });
  });

  it("stay until the last choice has ended", async () => {
    await startWorker(fleet, { id: "w2", model: "n", slots: 2, from: seeingFile }).then((wide) => (worker = wide));
    await pass(fleet, 100);
    const prompt = { prompt_string: "<__media__> and <__media__>", multimodal_data: [red, green].map(base64) };
    const answer = one.post("/completion", { prompt, n_cmpl: 2, model: "n" });
    for (const index of [0, 1]) await expectPictures(index);
    await worker.finish(0);
    await until(() => one.registry.liveJobs()[0]?.state.sequences.filter(({ held }) => held).length === 1);
    expect(await areStored()).toBe(true);
    await worker.finish(1);
    expect((await answer).status).toBe(200);
    await expectGone();
  });

  it("are removed when the job is cancelled while it waits, or is refused", async () => {
    await fill();
    await one.post("/v1/jobs", request());
    expect(await areStored()).toBe(true);
    await one.delete("/v1/jobs/j");
    await expectGone();
    const other = await startGateway(fleet, { id: "g2" });
    expect((await other.post("/v1/jobs", request({ job_id: "fills" }))).status).toBe(409);
    await expectGone();
  });

  it("must fit into the store before the job is accepted", async () => {
    await one.member.pictures.put("others", pictures, { client: "another", signal: new AbortController().signal });
    fleet.server.fill("pictures");
    const refused = await one.post("/v1/jobs", request());
    expect([refused.status, Number(refused.headers.get("retry-after")) > 0, one.registry.liveCount]).toEqual([
      ...[429, true, 0],
    ]);
    fleet.server.unfill("pictures");
    expect((await one.post("/v1/jobs", request())).status).toBe(202);
  });

  it("are stored when NATS is back, before the job is published", async () => {
    await one.member.pictures.put("others", pictures, { client: "another", signal: new AbortController().signal });
    await stopNats(fleet, one);
    expect((await one.post("/v1/jobs", request({ on_disconnect: "cancel" }))).status).toBe(202);
    fleet.server.fill("pictures");
    fleet.server.start();
    await until(() => one.logLines.some(({ msg }) => msg === "fleet_publish_failed"));
    await pass(fleet, 5_000);
    expect(one.published).toEqual([]);
    fleet.server.unfill("pictures");
    await expectPictures(0);
  });

  it("are stored again when the job is published after a long wait", async () => {
    await fill();
    await one.post("/v1/jobs", request());
    await pass(fleet, 1_800_000);
    // As NATS does by age.
    await one.member.pictures.remove((await one.member.records.get("local", "j"))?.record.pictures?.key ?? "");
    await worker.finish(0);
    await expectPictures(1);
  });

  it("are left to another gateway that has taken over the job, which removes them at its end", async () => {
    await fill();
    await one.post("/v1/jobs", request({ on_disconnect: "cancel" }));
    const other = await startGateway(fleet, { id: "g2" });
    const reading = received(await other.get("/v1/jobs/j/stream"));
    await until(() => one.registry.get("local", "j")?.log.terminal !== undefined);
    await pass(fleet, 100);
    await worker.finish(0);
    await expectPictures(1);
    await worker.finish(1);
    expect((await reading).text).toContain(`"pictures_sha256":["${hashes.join('","')}"]`);
    await expectGone();
  });

  it("are stored once for two gateways that accepted the job while NATS was away", async () => {
    const other = await startGateway(fleet, { id: "g2" });
    await stopNats(fleet, one, other);
    for (const gateway of [one, other]) await gateway.post("/v1/jobs", request({ on_disconnect: "cancel" }));
    fleet.server.start();
    await expectPictures(0);
    await worker.finish(0);
    await expectGone();
  });
});

it("a question about pictures stores them for the answering worker, and removes them", async () => {
  const asked: unknown[] = [];
  worker.answer = (question) => {
    asked.push(question);
    return { kind: "query", result: { kind: "count", promptTokens: 42 } };
  };
  const { member: side } = one;
  const { query } = createQuestions({
    side,
    model: "m",
    contextSize: () => 64,
    clock: side.process.clock,
    chance: side.chance,
  });
  const question = { kind: "count", messages: [{ role: "user", content: [{ type: "image", picture: 0 }] }] } as const;
  expect(await query({ ...question, pictures }, "alice")).toEqual({ kind: "count", promptTokens: 42 });
  expect(asked).toMatchObject([{ question: { ...question, pictures }, client: "alice" }]);
  await expectGone();
  for (const [given, code] of [
    [tooLarge, "payload_too_large"],
    [pictures, "unavailable"],
  ] as const) {
    if (code === "unavailable") await worker.leave();
    expect(await query({ ...question, pictures: given }, "alice")).toMatchObject({ failure: { code } });
  }
  await expectGone();
});
