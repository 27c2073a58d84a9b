import { readGgufFile } from "@waggle/models/header";
import type { GgufHeader } from "@waggle/models/header";
import type { EngineSettings } from "@waggle/models/memory";
import { beforeAll, expect, test } from "vitest";
import { parseConfig } from "../../config.ts";
import { embeddedModelPath } from "../embedded-model.ts";
import { memoryPlanOf } from "./memory-plan.ts";

const mib = 2 ** 20;
let header: GgufHeader;
beforeAll(async () => {
  header = await readGgufFile(embeddedModelPath());
});

function settings(given: Partial<EngineSettings> = {}): EngineSettings {
  const parsed = parseConfig(["--local-mode"], {});
  if (parsed.kind === "exit") throw new Error(parsed.stderr);
  return { ...parsed.config.modelSettings, ...given };
}

test("without a budget the engine chooses the context", () => {
  const plan = memoryPlanOf(header, settings(), undefined);
  expect(plan?.context).toBeUndefined();
  const { weights, kv_cache: cache, compute, process, total } = plan?.memory ?? expect.fail("no plan");
  expect(weights).toBeGreaterThan(2.5 * mib);
  expect(total).toBe(weights + cache + compute + process);
});

test("a configured context is kept, whatever the budget", () => {
  const plan = memoryPlanOf(header, settings({ contextSize: 512, slots: 64 }), 100 * mib);
  expect(plan?.context).toBeUndefined();
  expect(plan?.memory.total).toBeGreaterThan(100 * mib);
});

test("a context without a configured length is as long as the budget allows", () => {
  const wide = memoryPlanOf(header, settings({ slots: 64 }), undefined);
  const { kv_cache: cache, total } = wide?.memory ?? expect.fail("no plan");
  const budget = total - cache / 2;
  const plan = memoryPlanOf(header, settings({ slots: 64 }), budget);
  expect(plan?.context?.contextSize).toBeLessThan(512);
  expect(plan?.memory.total).toBeLessThanOrEqual(budget);
  expect(plan?.context?.contextPool).toBe(64 * (plan?.context?.contextSize ?? 0));
  expect(plan?.memoryAt(plan.context ?? expect.fail("no context"))).toEqual(plan?.memory);
});

test("a plan for a model that does not fit has the least memory that the model needs", () => {
  const plan = memoryPlanOf(header, settings(), 10 * mib);
  expect(plan?.context).toBeUndefined();
  expect(plan?.memory.total).toBeGreaterThan(10 * mib);
});

test("a pool that the slots share is as large as the budget allows, and one job may fill it", () => {
  const shared = settings({ slots: 64, hasAddon: true });
  const { memory, context } = memoryPlanOf(header, shared, undefined) ?? expect.fail("no plan");
  expect(context).toBeUndefined();
  const budget = memory.total - memory.kv_cache / 2;
  const plan = memoryPlanOf(header, shared, budget) ?? expect.fail("no plan");
  expect(plan.context?.contextSize).toBe(512);
  expect(plan.context?.contextPool).toBeLessThan(64 * 512);
  expect(plan.memory.total).toBeLessThanOrEqual(budget);
  expect(plan.memoryAt(plan.context ?? expect.fail("no context"))).toEqual(plan.memory);
});
