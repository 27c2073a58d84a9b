// Tests what a worker reports of the context pool that its slots share, while it is full.
import { createStepGate } from "@waggle/engine/testing";
import { SlotsSchema, WorkerInfoSchema } from "@waggle/protocol";
import { expect, it } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";

const pool = 640;
const { worker, start, get, answerOf, read } = useInlineWorker();

async function metric(name: string): Promise<number> {
  const line = (await (await get("/metrics")).text()).split("\n").find((one) => one.startsWith(`${name}{`));
  return Number(line?.split(" ").at(-1));
}

async function answer(): Promise<string> {
  const body = { model: "any", prompt: "tell me more [eog:380]", max_tokens: 400, seed: 7 };
  const { choices } = (await answerOf("/v1/completions", body)) as { choices: readonly { text: string }[] };
  return choices[0]?.text ?? "";
}

it("a full pool parks a job, which is reported and then ends like any other", async () => {
  const gate = createStepGate();
  start({ slots: 2, contextSize: 512, gate, fake: { contextPool: pool } });
  const info = WorkerInfoSchema.parse(await read("/v1/info"));
  expect(info).toMatchObject({ context_size: 512, context_pool: pool });

  const answers = Promise.all([answer(), answer()]);
  for (let steps = 0; steps < 1_000 && worker.slots().every(({ state }) => state !== "parked"); steps++) {
    await gate.held();
    gate.step();
  }
  await gate.held();
  const { slots } = SlotsSchema.parse(await read("/v1/slots"));
  expect(slots.map(({ state }) => state).toSorted()).toEqual(["decoding", "parked"]);
  expect(await metric("waggle_jobs_parked_total")).toBe(1);
  expect(await metric("waggle_context_cells")).toBe(pool);
  // The parked job has freed its cells.
  expect(await metric("waggle_context_cells_used")).toBeGreaterThan(pool / 3);
  expect(await metric("waggle_context_cells_used")).toBeLessThan((pool * 2) / 3);
  expect(await metric("waggle_kv_use")).toBeLessThan(2 / 3);
  expect(worker.logLines.filter(({ msg }) => msg === "stream_parked")).toHaveLength(1);

  gate.open();
  const [one, two] = await answers;
  expect(one.length).toBeGreaterThan(1_000);
  expect(two).toBe(one);
});
