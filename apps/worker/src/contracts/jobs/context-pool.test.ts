// Tests what a worker reports of the context pool that its slots share, while it is full.
import { createStepGate } from "@waggle/engine";
import { SlotsSchema, WorkerInfoSchema } from "@waggle/protocol";
import { afterEach, expect, it } from "vitest";
import { createInlineWorker } from "../../testing/inline-worker.ts";
import type { InlineWorker } from "../../testing/inline-worker.ts";

const pool = 640;
let worker: InlineWorker;
afterEach(async () => await worker.close());

async function get(path: string): Promise<Response> {
  return await worker.app.request(path, { headers: { host: "localhost" } });
}

async function metric(name: string): Promise<number> {
  const line = (await (await get("/metrics")).text()).split("\n").find((one) => one.startsWith(`${name}{`));
  return Number(line?.split(" ").at(-1));
}

async function answer(): Promise<string> {
  const response = await worker.app.request("/v1/completions", {
    method: "POST",
    headers: { host: "localhost", "content-type": "application/json" },
    body: JSON.stringify({ model: "any", prompt: "tell me more [eog:380]", max_tokens: 400, seed: 7 }),
  });
  const { choices } = (await response.json()) as { choices: readonly { text: string }[] };
  return choices[0]?.text ?? "";
}

it("a full pool parks a job, which is reported and then ends like any other", async () => {
  const gate = createStepGate();
  worker = createInlineWorker({ slots: 2, contextSize: 512, gate, fake: { contextPool: pool } });
  const info = WorkerInfoSchema.parse(await (await get("/v1/info")).json());
  expect(info).toMatchObject({ context_size: 512, context_pool: pool });

  const answers = Promise.all([answer(), answer()]);
  for (let steps = 0; steps < 1_000 && worker.slots().every(({ state }) => state !== "parked"); steps++) {
    await gate.held();
    gate.step();
  }
  await gate.held();
  const { slots } = SlotsSchema.parse(await (await get("/v1/slots")).json());
  expect(slots.map(({ state }) => state).toSorted()).toEqual(["decoding", "parked"]);
  expect(await metric("waggle_jobs_parked_total")).toBe(1);
  expect(await metric("waggle_context_cells")).toBe(pool);
  // The parked job has freed its cells.
  expect(await metric("waggle_context_cells_used")).toBeGreaterThan(pool / 3);
  expect(await metric("waggle_context_cells_used")).toBeLessThan((pool * 2) / 3);
  expect(await metric("vllm:kv_cache_usage_perc")).toBeLessThan(2 / 3);
  expect(worker.logLines.filter(({ msg }) => msg === "stream_parked")).toHaveLength(1);

  gate.open();
  const [one, two] = await answers;
  expect(one.length).toBeGreaterThan(1_000);
  expect(two).toBe(one);
});
