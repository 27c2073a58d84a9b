// Tests the gauges for llm-d's router: which jobs and KV cells count, and no division by zero.
import type { SlotStatus } from "@waggle/protocol";
import { createWorkerMetrics } from "@waggle/telemetry";
import { expect, test } from "vitest";
import { setVllmGauges } from "./vllm-gauges.ts";
import type { LoadedModel } from "./vllm-gauges.ts";

const info = { contextSize: 1_000, contextPool: 2_000 };
const idle: SlotStatus = { id: 0, state: "idle", prompt_tokens: 0, tokens: 0 };
const busy = (prompt: number, tokens: number): SlotStatus => ({
  ...{ id: 1, state: "decoding", job_id: "j" },
  ...{ prompt_tokens: prompt, tokens },
});

async function told(...hosts: readonly LoadedModel[]): Promise<Readonly<Record<string, string>>> {
  const metrics = createWorkerMetrics();
  setVllmGauges(metrics.ofModel("m"), hosts);
  const lines = (await metrics.text()).split("\n").filter((line) => line.startsWith("vllm:"));
  return Object.fromEntries(lines.map((line) => line.split(" ") as [string, string]));
}

test("the gauges show waiting and running jobs, and the share of all cells that running jobs fill", async () => {
  const host = { dispatcher: { running: 1, waiting: 3 }, info, slots: [idle, busy(300, 200)] };
  expect(await told(host)).toEqual({
    'vllm:num_requests_waiting{model_name="m"}': "3",
    'vllm:num_requests_running{model_name="m"}': "1",
    'vllm:kv_cache_usage_perc{model_name="m"}': "0.25",
    'vllm:cache_config_info{block_size="64",num_gpu_blocks="31",model_name="m"}': "1",
  });
});

test("a shifted context fills at most its slot, and two files under one name are added up", async () => {
  const full = { dispatcher: { running: 1, waiting: 0 }, info, slots: [idle, busy(900, 5_000)] };
  const other = {
    dispatcher: { running: 2, waiting: 1 },
    info: { contextSize: 2_000, contextPool: 2_000 },
    slots: [idle],
  };
  expect(await told(full, other)).toMatchObject({
    'vllm:num_requests_running{model_name="m"}': "3",
    'vllm:kv_cache_usage_perc{model_name="m"}': "0.25",
  });
});

test("slots that share a pool fill at most the pool, and a parked job fills nothing", async () => {
  const pool = { contextSize: 1_000, contextPool: 1_000 };
  const jobs = { running: 2, waiting: 0 };
  const parked: SlotStatus = { ...busy(600, 0), state: "parked" };
  const usage = { 'vllm:kv_cache_usage_perc{model_name="m"}': "0.5" };
  expect(await told({ dispatcher: jobs, info: pool, slots: [busy(300, 200), parked] })).toMatchObject(usage);
  const full = { 'vllm:kv_cache_usage_perc{model_name="m"}': "1" };
  expect(await told({ dispatcher: jobs, info: pool, slots: [busy(600, 0), busy(600, 0)] })).toMatchObject(full);
});

test("without an engine there are no cells, and usage is 0", async () => {
  const gone = { dispatcher: { running: 0, waiting: 2 }, info, slots: [] };
  expect(await told(gone)).toMatchObject({
    'vllm:num_requests_waiting{model_name="m"}': "2",
    'vllm:kv_cache_usage_perc{model_name="m"}': "0",
    'vllm:cache_config_info{block_size="64",num_gpu_blocks="0",model_name="m"}': "1",
  });
});
