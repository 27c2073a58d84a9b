// Tests what a worker remembers for "why was it slow at ten": the history of a worker, and where the time of ended jobs went.
import { HistorySchema, JobStatusSchema } from "@waggle/protocol";
import { afterAll, expect, it } from "vitest";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";

afterAll(killDaemons);

it("a worker remembers jobs, refusals and latencies", async () => {
  const worker = await spawnFakeWorker(["--slots", "1", "--fake-step-delay", "20ms"]);
  const run = async (body: object): Promise<string> => {
    const text = JSON.stringify({ prompt: "tell me more", ...body });
    return await (await fetch(`${worker.url}/v1/inference`, { method: "POST", body: text })).text();
  };
  expect(await run({ job_id: "first", max_tokens: 20 })).toContain("[DONE]");
  expect(await run({ job_id: "second", max_tokens: 5 })).toContain("[DONE]");
  // The id belongs to another request.
  expect(await run({ job_id: "first", max_tokens: 7 })).toContain("conflict");

  const { ended } = await worker.client.jobs({ ended: true });
  expect(ended?.map(({ job_id }) => job_id)).toEqual(["second", "first"]);
  for (const job of ended ?? []) {
    const { timings } = JobStatusSchema.parse(await (await fetch(`${worker.url}/v1/jobs/${job.job_id}`)).json());
    expect(job.waiting_ms).toBe(timings?.queue_ms);
    expect(job.waiting_ms + job.reading_ms + job.writing_ms).toBeCloseTo(timings?.total_ms ?? NaN, 2);
    expect(Math.min(job.reading_ms, job.writing_ms)).toBeGreaterThan(0);
  }

  const sum = (values: readonly (number | undefined)[]): number =>
    values.reduce<number>((all, value = 0) => all + value, 0);
  await expect
    .poll(async () => {
      const { points: taken, now } = HistorySchema.parse(await (await fetch(`${worker.url}/v1/history`)).json());
      const points = now === undefined ? taken : [...taken, now];
      return {
        accepted: sum(points.map(({ accepted }) => accepted)),
        refused: sum(points.map(({ errors }) => errors["conflict"])),
        firstTokens: sum(points.map(({ ttft }) => ttft?.count)),
        tokens: sum(points.map(({ itl }) => itl?.count)),
      };
    })
    .toEqual({ accepted: 2, refused: 1, firstTokens: 2, tokens: 23 });
});
