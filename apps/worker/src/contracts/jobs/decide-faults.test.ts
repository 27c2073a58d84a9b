// Contracts about requests for decisions whose model is swapped or whose engines die between branches: one answer or one typed error.
import { createStepGate, type StepGate } from "@waggle/engine/testing";
import { expect, test } from "vitest";
import { createSeveralModels } from "../../testing/several-models.ts";
import type { SeveralModelsOptions } from "../../testing/several-models.ts";
import { jsonOf, useWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, post, answerOf, read } = useWorker((options: Partial<SeveralModelsOptions>) =>
  createSeveralModels({ models: ["ant", "bee"], slots: 1, ...options }),
);

const questions = Array.from({ length: 12 }, (_, i) => ({ type: "predicate", instructions: `Is parcel ${i} wet?` }));
const body = { model: "ant", input: "parcels", questions, receipt: true };
const path = "/v1/decisions";

/** Starts a worker with the model loaded, because the files of the models do not exist. The gate holds its passes. */
async function startGated(): Promise<StepGate> {
  const gate = createStepGate();
  start({ gates: { ant: gate } });
  await (await post("/v1/models/load", { model: "ant" })).text();
  return gate;
}

/** Resolves when the model's engine has read the prefix and some of the branches. */
async function readBranches(gate: StepGate): Promise<void> {
  for (let steps = 0; steps < 5; steps += 1) {
    await gate.held();
    gate.step();
  }
  await gate.held();
}

const fileIn = (answer: Json): unknown => (answer["x_receipt"] as Json)["model_file"];
const leaving = async (): Promise<unknown> => {
  const { models } = (await read("/v1/models/status")) as unknown as { models: readonly Json[] };
  return models.find(({ name }) => name === "ant")?.["leaving"];
};

test("a swap lets the old file finish the job, and the receipt names the file that computed the answer", async () => {
  const gate = await startGated();
  const before = post(path, body);
  await readBranches(gate);
  const swap = await post("/v1/models/swap", { model: "ant", reference: "bee" });
  await swap.text();
  const after = await answerOf(path, body);
  gate.open();
  const old = await jsonOf(await before);
  expect([old, after].map(fileIn)).toEqual(["ant.gguf", "bee.gguf"]);
  expect(old["answers"]).toEqual(after["answers"]);
  await expect.poll(leaving).toBeUndefined();
});

test("engines that die under the job without a new result end it with one error", async () => {
  const gate = await startGated();
  const answer = post(path, body);
  const engine = await worker.engine("ant");
  for (const _ of [1, 2]) {
    await gate.held();
    engine.kill();
    engine.load();
  }
  gate.open();
  const response = await answer;
  const { error } = (await response.json()) as { error: Json };
  expect([response.status, error["code"]]).toEqual([502, "engine_failed"]);
  await expect.poll(async () => (await post(path, body)).status).toBe(200);
});
