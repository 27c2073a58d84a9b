// Tests what a worker tells of guesses and of the costs of steps: in /v1/info and in metrics.
import type { StepStats } from "@waggle/engine";
import { WorkerInfoSchema } from "@waggle/protocol";
import type { StepCosts, WorkerInfo } from "@waggle/protocol";
import { beforeEach, expect, test } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, post, get, read, lastWork } = useInlineWorker();
beforeEach(() => void start({ slots: 1 }));

async function info(): Promise<WorkerInfo> {
  return WorkerInfoSchema.parse(await read("/v1/info"));
}

const costs = (ms: number): StepCosts => ({
  threads: [{ threads: 2, decode: [{ rows: 1, ms }], prompt: [{ tokens: 64, ms: 120 }] }],
  context: { row_ms: 0.1, tile_ms: 0.02 },
});

test("the info has the last step costs of the running engine, and the settings of steps", async () => {
  expect(await info()).toMatchObject({ prefill_budget: null, max_token_gap_ms: null, guesses: true });
  const measured = async (): Promise<readonly string[]> =>
    Object.keys(await info()).filter((key) => ["step_costs", "prompt_pieces"].includes(key));
  expect(await measured()).toEqual([]);
  worker.emit({ type: "step_costs", costs: costs(9), pieces: [] });
  expect(await measured()).toEqual(["step_costs"]);
  const pieces = [{ context: 0, tokens: 64, step_ms: 120, slowdown: 1.2 }];
  worker.emit({ type: "step_costs", costs: costs(10), pieces });
  expect(await info()).toMatchObject({ step_costs: costs(10), prompt_pieces: pieces });
  worker.kill();
  worker.load();
  expect(await measured(), "of the next engine").toEqual([]);
});

test("the info has what attention was measured to cost at load", async () => {
  expect(await info()).not.toHaveProperty("attention_costs");
  const attention = {
    ...{ cells: 2_048, threads: 1 },
    flash: { row_ms: 9, tile_ms: 1.1 },
    plain: { row_ms: 5, tile_ms: 1 },
  };
  // The fake backend measures nothing.
  Object.assign(worker.backend().info, { attention });
  expect((await info()).attention_costs).toEqual(attention);
});

test("a native request can turn guesses off", async () => {
  await post("/v1/inference", { prompt: "a", max_tokens: 1, guesses: false });
  expect(lastWork().guesses).toBe(false);
});

test("metrics count guessed tokens and right guesses", async () => {
  const stats: StepStats = {
    ...{ step: 1, width: 1, decodeRows: 1, tokens: 5, scored: 0, guessed: 4, rightGuesses: 3 },
    ...{ passMs: 1, gapMs: 0, threads: 1, cells: 1, parked: 0 },
  };
  worker.emit({ type: "step", events: [], stats });
  worker.emit({ type: "step", events: [], stats });
  const metrics = await (await get("/metrics")).text();
  const values = [...metrics.matchAll(/^waggle_(\w*guess\w*)\{.*\} (\d+)$/gm)];
  expect(Object.fromEntries(values.map(([, name, value]) => [name, Number(value)]))).toEqual({
    guessed_steps_total: 2,
    guessed_tokens_total: 8,
    guesses_right_total: 6,
  });
});
