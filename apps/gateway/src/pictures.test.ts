// Tests how long a gateway keeps the pictures of its jobs in the fleet's store, and which workers get such jobs.
import { systemChance } from "@waggle/fleet";
import { createHash } from "node:crypto";
import type { GenerateWork } from "@waggle/engine";
import type { JobTerms } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import { createLogger } from "@waggle/telemetry";
import { madeUpPng } from "@waggle/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createJobNames } from "./jobs/job-names.ts";
import { createQuestions } from "./link/questions.ts";
import { createFakeFleet, processId } from "./testing/fake-fleet.ts";
import type { FakeFleet } from "./testing/fake-fleet.ts";
import { createInlineGateway } from "./testing/inline-gateway.ts";
import type { InlineGateway } from "./testing/inline-gateway.ts";
import { publishedJob, until } from "./testing/waiting.ts";

const slots = 2;
const silent = createLogger({ level: "silent", format: "json", name: "pictures-test" });
const [red, green] = [madeUpPng(0xff0000), madeUpPng(0x00ff00)];
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const hashes = [hashOf(red), hashOf(green)];
const part = (bytes: Uint8Array) => ({
  type: "image_url",
  image_url: { url: `data:image/png;base64,${base64(bytes)}` },
});

function request(id: string, more: object = {}) {
  const content = [part(red), { type: "text", text: "What?" }, part(green)];
  return { messages: [{ role: "user", content }], job_id: id, seed: 1, on_disconnect: "continue", ...more };
}

let fleet: FakeFleet;
let one: InlineGateway;
let other: InlineGateway;
beforeEach(() => {
  fleet = createFakeFleet();
  fleet.join({ id: "w1", model: "m", slots, readsPictures: true });
  one = createInlineGateway(fleet, { id: "g1" });
  other = createInlineGateway(fleet, { id: "g2" });
});
afterEach(async () => {
  await one.stop();
  await other.stop();
});

/** The pictures in the store, job by job. */
const stored = (): readonly (readonly string[])[] => [...fleet.pictures.values()];

/** Starts enough jobs to fill all slots, as this gateway counts them. Returns the function that ends them. */
async function fill(gateway: InlineGateway): Promise<() => void> {
  const before = fleet.published.length;
  for (let slot = 0; slot < slots; slot += 1) {
    await gateway.post("/v1/jobs", { prompt: "x", job_id: `fills-${slot}`, on_disconnect: "continue" });
  }
  await publishedJob(fleet, before + slots - 1);
  const filling = fleet.published.slice(before);
  return () => filling.forEach(({ job }) => fleet.take(job, "w1").finish());
}

describe("the pictures of a job", () => {
  it("are in the store while the job lives, and not in its messages", async () => {
    expect((await one.post("/v1/jobs", request("j"))).status).toBe(202);
    const job = await publishedJob(fleet);
    expect(job.pictures?.files).toEqual([
      { sha256: hashes[0], size: red.length },
      { sha256: hashes[1], size: green.length },
    ]);
    expect(job.spec.work).toMatchObject({ pictures: undefined });
    expect(fleet.pictures.get(job.pictures?.key ?? "")).toEqual(hashes);
    expect(fleet.records.get("local j")).toMatchObject({ pictures: job.pictures, spec: { work: { choices: 1 } } });
    expect(JSON.stringify([...fleet.records.values()])).not.toContain('"bytes"');
    const attempt = fleet.take(job, "w1").start("a");
    expect(stored()).toHaveLength(1);
    attempt.finish();
    await until(() => expect(stored()).toEqual([]));
    const terminal = one.registry.get("local", "j")?.log.terminal;
    expect(terminal).toMatchObject({ type: "end", receipt: { pictures_sha256: hashes } });
  });

  it("stay until the last choice has ended", async () => {
    const prompt = { prompt_string: "<__media__> and <__media__>", multimodal_data: [red, green].map(base64) };
    const answer = one.post("/completion", { prompt, n_cmpl: 2 });
    const jobs = [await publishedJob(fleet, 0), await publishedJob(fleet, 1)];
    expect(jobs[1]?.pictures).toEqual(jobs[0]?.pictures);
    const [first, second] = jobs.map((job) => fleet.take(job, "w1"));
    first?.finish();
    await until(() => expect(one.registry.liveJobs()[0]?.state.sequences.filter(({ held }) => held)).toHaveLength(1));
    expect(stored()).toEqual([hashes]);
    second?.finish();
    await answer;
    await until(() => expect(stored()).toEqual([]));
  });

  it("are removed when the job is cancelled while it waits, or is refused", async () => {
    await fill(one);
    await one.post("/v1/jobs", request("j"));
    expect(stored()).toEqual([hashes]);
    await one.delete("/v1/jobs/j");
    await until(() => expect(stored()).toEqual([]));
    await one.post("/v1/jobs", { prompt: "x", job_id: "k", on_disconnect: "continue" });
    expect((await other.post("/v1/jobs", request("k"))).status).toBe(409);
    await until(() => expect(stored()).toEqual([]));
  });

  it("must fit into the store before the job is accepted", async () => {
    fleet.refusePictures(new WaggleError("resource_exhausted", "The store is full.", { retryAfterS: 2 }));
    const refused = await one.post("/v1/jobs", request("j"));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "2"]);
    expect([fleet.records.size, fleet.published.length, one.registry.liveCount]).toEqual([0, 0, 0]);
    fleet.refusePictures(undefined);
    expect((await one.post("/v1/jobs", request("j"))).status).toBe(202);
  });

  it("must not have more bytes than a fleet takes for one job", async () => {
    const { clock } = one;
    const names = createJobNames({
      side: fleet.side("g1"),
      gateway: processId("g1"),
      clock,
      chance: systemChance,
      log: silent,
    });
    const pictures = [{ sha256: "a", bytes: new Uint8Array(70_000_000) }];
    const work = { kind: "generate", choices: 1, pictures } as unknown as GenerateWork;
    const spec = { id: "j", model: "m", who: { client: "local", trace: "t" }, when: {} as JobTerms, work };
    await expect(names.reserve(spec)).rejects.toMatchObject({
      code: "payload_too_large",
      message:
        "Cannot hand the request to the fleet: its pictures have 70000000 bytes, and a fleet takes 67108864. Send fewer or smaller pictures.",
    });
    expect([fleet.records.size, fleet.pictures.size]).toEqual([0, 0]);
  });

  it("are stored when NATS is back, before the job is published", async () => {
    fleet.connect(false);
    expect((await one.post("/v1/jobs", request("j"))).status).toBe(202);
    expect(stored()).toEqual([]);
    fleet.refusePictures(new WaggleError("resource_exhausted", "The store is full."));
    fleet.connect(true);
    await until(() => expect(JSON.stringify(one.logLines)).toContain("The store is full."));
    expect([fleet.published.length, fleet.records.size]).toEqual([0, 0]);
    fleet.refusePictures(undefined);
    one.clock.advance(1_000);
    await publishedJob(fleet);
    expect(stored()).toEqual([hashes]);
  });

  it("are stored again when the job is published after a long wait", async () => {
    const drain = await fill(one);
    await one.post("/v1/jobs", request("j"));
    const key = fleet.records.get("local j")?.pictures?.key ?? "";
    await other.stop();
    one.clock.advance(1_800_000);
    // As NATS does by age.
    await fleet.side("g9").pictures.remove(key);
    drain();
    await publishedJob(fleet, slots);
    expect([...fleet.pictures]).toEqual([[key, hashes]]);
  });

  it("are left to another gateway that has taken over the job, which removes them at its end", async () => {
    await fill(one);
    await one.post("/v1/jobs", request("j", { deadline_ms: 60_000 }));
    const before = [...fleet.pictures];
    fleet.silence("g1");
    const reading = other.get("/v1/jobs/j/stream");
    const job = await publishedJob(fleet, slots);
    expect([...fleet.pictures]).toEqual(before);
    expect(job.pictures?.key).toBe(before[0]?.[0]);
    one.clock.advance(60_000);
    await until(() => expect(one.registry.get("local", "j")?.log.terminal).toBeDefined());
    // The fake fleet answers within one turn of the event loop.
    await new Promise(setImmediate);
    expect([...fleet.pictures]).toEqual(before);
    const attempt = fleet.take(job, "w1").start("a");
    attempt.finish();
    const text = await (await reading).text();
    expect(text).toContain(`"pictures_sha256":["${hashes.join('","')}"]`);
    await until(() => expect(stored()).toEqual([]));
  });

  it("are stored once for two gateways that accepted the job while NATS was away", async () => {
    fleet.connect(false);
    await one.post("/v1/jobs", request("j"));
    await other.post("/v1/jobs", request("j"));
    fleet.connect(true);
    const job = await publishedJob(fleet);
    await until(() => expect([...fleet.pictures.keys()]).toEqual([job.pictures?.key]));
    fleet.take(job, "w1").finish();
    await until(() => expect(stored()).toEqual([]));
  });
});

describe("a job with pictures", () => {
  it("is checked by a worker without its pictures", async () => {
    const asked: unknown[] = [];
    const { answer } = fleet;
    fleet.answer = (question, worker) => {
      if (question.kind === "preflight") asked.push(JSON.parse(JSON.stringify(question.job.work)));
      return answer(question, worker);
    };
    await one.post("/v1/jobs", request("j"));
    const texts = [".", "What?", "."].map((text) => ({ type: "text", text }));
    expect(asked).toMatchObject([{ prompt: { messages: [{ content: texts }] } }]);
    expect(asked[0]).not.toHaveProperty("pictures");
    fleet.answer = () => ({ kind: "failed", failure: { code: "invalid_argument", message: "It does not fit." } });
    expect((await one.post("/v1/jobs", request("k"))).status).toBe(400);
    expect(stored()).toHaveLength(1);
  });

  it("is offered only to workers whose model reads pictures", async () => {
    fleet.join({ id: "w2", model: "m", slots, readsPictures: true });
    fleet.join({ id: "w3", model: "m", slots });
    await one.post("/v1/jobs", { ...request("j"), session_id: "s" });
    fleet.take(await publishedJob(fleet), "w2").finish();
    await one.post("/v1/jobs", { prompt: "Now without.", job_id: "k", session_id: "s", on_disconnect: "continue" });
    fleet.take(await publishedJob(fleet, 1), "w3").finish();
    await one.post("/v1/jobs", { ...request("l"), session_id: "s" });
    const last = await publishedJob(fleet, 2);
    expect(fleet.offered).toEqual(["w2", "w2"]);
    expect(fleet.published[2]).toMatchObject({ job: last, at: "w2" });
  });

  it("fails when no worker has had a projector for a minute, and other jobs continue", async () => {
    fleet.join({ id: "w2", model: "m", slots });
    await one.post("/v1/jobs", request("j"));
    await one.post("/v1/jobs", { prompt: "x", job_id: "k", on_disconnect: "continue" });
    await publishedJob(fleet, 1);
    fleet.leave("w1");
    one.clock.advance(61_000);
    const status = async (id: string): Promise<unknown> => await (await one.get(`/v1/jobs/${id}`)).json();
    await until(async () =>
      expect(await status("j")).toMatchObject({
        state: "failed",
        error: {
          code: "unavailable",
          message: "Cannot run the job: no worker has served m with a projector for 60 s.",
        },
      }),
    );
    expect(await status("k")).toMatchObject({ state: "queued" });
  });
});

it("a question about pictures stores them for the answering worker, and removes them", async () => {
  const asked: unknown[] = [];
  fleet.answer = (question) => {
    if (question.kind !== "query") return { kind: "not_loaded" };
    asked.push(question.question, question.client, fleet.pictures.get(question.pictures?.key ?? ""));
    return { kind: "query", result: { kind: "count", promptTokens: 42 } };
  };
  const { query } = createQuestions({ side: fleet.side("g1"), model: "m", clock: one.clock, chance: systemChance });
  const pictures = [red, green].map((bytes) => ({ sha256: hashOf(bytes), bytes }));
  const question = { kind: "count", messages: [{ role: "user", content: [{ type: "image", picture: 0 }] }] } as const;
  expect(await query({ ...question, pictures }, "alice")).toEqual({ kind: "count", promptTokens: 42 });
  expect(asked).toEqual([{ ...question, pictures: undefined }, "alice", hashes]);
  expect(stored()).toEqual([]);
  const large = [{ sha256: "a", bytes: new Uint8Array(70_000_000) }];
  expect(await query({ ...question, pictures: large }, "alice")).toMatchObject({
    failure: { code: "payload_too_large" },
  });
  fleet.leave("w1");
  expect(await query({ ...question, pictures }, "alice")).toMatchObject({ failure: { code: "unavailable" } });
  expect(stored()).toEqual([]);
});
