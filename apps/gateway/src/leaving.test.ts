// Tests what a gateway that leaves does with its jobs: it finishes what it can, hands over what another gateway can continue, and ends the rest.
import type { GatewaySide } from "@waggle/fleet";
import { pass, until, useFleet, withParts } from "@waggle/fleet/testing";
import type { Job } from "@waggle/jobs";
import { beforeEach, expect, it } from "vitest";
import { received, startGateway, startWorker, type TestGateway, type TestWorker } from "./testing/gateway.ts";

const fleet = useFleet();
let worker: TestWorker;
let one: TestGateway;
let other: TestGateway;
beforeEach(async () => {
  worker = await startWorker(fleet);
  one = await startGateway(fleet);
  other = await startGateway(fleet, { id: "g2" });
});

const job = { prompt: "x", seed: 1 };

it("starts its waiting jobs while it drains, takes no new ones, and keeps the records of ended jobs", async () => {
  for (const id of ["a", "b"]) await one.post("/v1/jobs", { ...job, job_id: id });
  await worker.tokens(0);
  one.refuse();
  expect((await one.post("/v1/jobs", job)).status).toBe(503);
  let idle = false;
  const drained = one.idle().then(() => (idle = true));
  await worker.finish(0);
  await worker.tokens(1);
  expect(idle).toBe(false);
  await worker.finish(1);
  await drained;
  expect(await one.status("b")).toMatchObject({ state: "finished" });
  await one.leave();
  await other.get("/v1/jobs/a");
  await until(() => other.registry.get("local", "a")?.log.terminal?.type === "end");
});

it("hides a job from other gateways before it deletes the job's events", async () => {
  let deletes = false;
  const forget = async (): Promise<never> => await new Promise(() => (deletes = true));
  const holds = await startGateway(fleet, { id: "g3", through: (side) => withParts<GatewaySide>(side, { forget }) });
  await holds.post("/v1/jobs", { ...job, job_id: "gone" });
  await worker.finish(0);
  await until(() => holds.registry.get("local", "gone")?.log.terminal !== undefined);
  holds.registry.forget(holds.registry.get("local", "gone") as Job);
  await until(() => deletes);
  expect((await other.get("/v1/jobs/gone")).status).toBe(404);
});

it("hands over running and waiting jobs, whose streams continue at another gateway", async () => {
  const running = received(await one.post("/v1/inference", { ...job, session_id: "s" }));
  await worker.tokens(0, "a");
  const id = one.published[0]?.job.clientJob.id ?? "";
  await one.has(id, 1);
  await one.post("/v1/jobs", { ...job, job_id: "waits" });
  expect(one.jobsToHandOver()).toBe(2);
  await one.leave();
  const { text, cut } = await running;
  expect([cut, text.includes('"status":"resuming"'), /"type":"(?:end|error)"/.test(text)]).toEqual([true, true, false]);
  expect(one.logLines).toContainEqual(expect.objectContaining({ msg: "jobs_handed_over", jobs: 2, waiting: 1 }));

  const moved = received(await other.get(`/v1/jobs/${id}/stream`, { "last-event-id": "0" }));
  const waiting = received(await other.get("/v1/jobs/waits/stream"));
  await worker.finish(0, "b");
  await worker.finish(1, "c");
  expect([(await moved).ids, (await waiting).ids]).toEqual([
    ["1", "2"],
    ["0", "1"],
  ]);
  expect((await moved).text).toContain('"type":"end"');
});

it("ends jobs that no client can resume, also at their worker, but not one that another gateway has taken over", async () => {
  const wide = await startWorker(fleet, { id: "w2", slots: 4 });
  await worker.side.leave();
  await pass(fleet, 100);
  const chat = { messages: [{ role: "user", content: "x" }] };
  const streams: ReturnType<typeof received>[] = [];
  for (let count = 0; count < 2; count += 1)
    streams.push(received(await one.post("/v1/chat/completions", { ...chat, stream: true })));
  const whole = one.post("/v1/chat/completions", { ...chat, n: 2 });
  await wide.tokens(3);
  const taken = one.published[0]?.job.clientJob.id ?? "";
  await until(async () => (await other.get(`/v1/jobs/${taken}`)).status === 200);
  const cancelled = new Set<string>();
  other.member.onCancel((id, by) => cancelled.add(`${id} ${by}`));
  await one.leave();
  for (const stream of streams) expect((await stream).text).toContain("is leaving");
  expect((await whole).status).toBe(503);
  await until(() => wide.model.jobs.filter((local) => local.cancelled).length === 3);
  const others = one.published.slice(1).map(({ job: { id } }) => `${id} gateway`);
  expect([...cancelled].toSorted()).toEqual(others.toSorted());
  expect(other.registry.get("local", taken)?.log.terminal).toBeUndefined();
});
