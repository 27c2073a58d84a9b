// Tests which workers get jobs with pictures, and which jobs yield to others.
import { createHash } from "node:crypto";
import type { DecideWork, GenerateWork, TemplateMessage, Work } from "@waggle/engine";
import type { GatewaySide } from "@waggle/fleet";
import { joinGateway, pass, seeingFile, silent, until, useFleet, withParts } from "@waggle/fleet/testing";
import type { Job } from "@waggle/jobs";
import { lanePriority, SamplingSchema } from "@waggle/protocol";
import { createWorkerMetrics } from "@waggle/telemetry";
import { beforeEach, expect, it } from "vitest";
import { createGatewayJobs, type GatewayJobs } from "./gateway-jobs.ts";
import { fits, startWorker } from "./testing/gateway.ts";
import { gatewayLimits } from "./testing/world/limits.ts";

const fleet = useFleet();
const bytes = new Uint8Array([1]);
const picture = { sha256: createHash("sha256").update(bytes).digest("hex"), bytes };
const image = { type: "image", picture: 0 } as const;
const dot = { type: "text", text: "." } as const;
const messagesWith = (part: typeof image | typeof dot): TemplateMessage[] => [
  { role: "user", content: [{ type: "text", text: "wet parcel" }, part] },
];
const reading = { content: [image], options: [["A"], ["B"]], ends: false };
const decide: DecideWork = { kind: "decide", state: { messages: messagesWith(image) }, readings: [reading] };
const generate: GenerateWork = {
  kind: "generate",
  prompt: { kind: "messages", messages: messagesWith(image) },
  choices: 1,
  sampling: SamplingSchema.parse({ seed: 7 }),
  stop: [],
};

let jobs: GatewayJobs;
let member: Awaited<ReturnType<typeof joinGateway>>;
/** The workers that were asked for a slot. */
let offered: unknown[];
beforeEach(async () => {
  member = await joinGateway(fleet);
  offered = [];
  const ask: typeof member.ask = async (question, options) => {
    if (question.kind === "offer") offered.push(options.worker);
    return await member.ask(question, options);
  };
  jobs = createGatewayJobs({
    config: gatewayLimits,
    side: withParts<GatewaySide>(member, { ask }),
    observers: [],
    clock: member.process.clock,
    chance: member.chance,
    log: silent,
    metrics: createWorkerMetrics(),
  });
});

async function submit(work: Work, priority = 0, client = "c"): Promise<Job> {
  await pass(fleet, 100);
  return await jobs.models.dispatcher.submit({
    model: "m",
    who: { client, sessionId: "s", trace: "t", batch: priority === lanePriority ? "b" : undefined },
    when: { priority, onDisconnect: "continue", direct: true },
    work,
  });
}

it("a job with pictures fails when its model has had no projector for a minute, and other jobs continue", async () => {
  const able = await startWorker(fleet, { from: seeingFile });
  const blind = await startWorker(fleet, { id: "w2" });
  const other = await submit(generate, 0, "another");
  const job = await submit({ ...generate, pictures: [picture] });
  await able.leave();
  able.kill();
  await pass(fleet, 55_000);
  expect(job.log.terminal).toBeUndefined();
  await pass(fleet, 10_000);
  const message = `Cannot run the job: no worker has served m with a projector for 60 s.`;
  expect(job.log.terminal).toMatchObject({ code: "unavailable", message });
  expect(other.log.terminal).toBeUndefined();
  expect(blind.model.jobs).toHaveLength(1);
});

it.each([
  ["decide", { ...decide, pictures: [picture] }],
  ["generate", { ...generate, pictures: [picture] }],
] as const)(
  "a %s job with pictures is checked without them, and only workers that can run it are asked for a slot",
  async (kind, work) => {
    const blind = await startWorker(fleet, { id: "blind" });
    await submit(generate);
    await blind.finish(0);
    const able = await startWorker(fleet, { id: "able", from: seeingFile });
    const checked: unknown[] = [];
    for (const worker of [blind, able])
      worker.answer = (question) => {
        if (question.kind === "preflight") checked.push(question.job);
        return fits(question);
      };
    await submit(work);
    const local = await able.model.job();
    expect(local.spec.work).toMatchObject({ kind, pictures: [picture] });
    expect([offered, blind.model.jobs.length]).toEqual([[], 1]);
    expect(JSON.stringify(checked)).not.toMatch(/image|"bytes"/);
    expect(JSON.stringify(checked)).toContain(JSON.stringify(messagesWith(dot)));
    expect((await member.storeUse()).pictures).toBeGreaterThan(0);
    await able.finish(0);
    await pass(fleet, 1_000);
    expect((await member.storeUse()).pictures).toBe(0);
  },
);

it("another job starts at once despite lane jobs, which the gateway ends when it leaves", async () => {
  const worker = await startWorker(fleet);
  const lane = await submit({ ...generate, seed: 1 } as Work, lanePriority);
  const waiting = await submit(generate, lanePriority, "another");
  const first = await worker.tokens(0, "0 ");
  const other = await submit(generate, 0, "third");
  expect((await worker.tokens(1, "0 ")).spec.when.priority).toBe(0);
  expect(jobs.models.hosts()[0]?.dispatcher).toMatchObject({ running: 1, waiting: 0, laneJobs: 2 });
  await worker.finish(1);
  await other.ended.promise;
  expect(first.cancelled).toBe(false);
  await worker.finish(0, "1 ");
  await lane.ended.promise;
  expect([lane.log.nextToken, lane.log.terminal?.type]).toEqual([2, "end"]);
  const local = await worker.tokens(2);
  expect(local.spec.who).toMatchObject({ client: "another", batch: "b" });
  jobs.refuse();
  await waiting.ended.promise;
  expect(waiting.log.terminal).toMatchObject({ code: "unavailable" });
  await until(() => local.cancelled);
});
