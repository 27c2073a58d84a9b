// Tests with real processes that a fleet keeps every stream complete while workers, gateways, NATS or the network fail.
import { createLeftoverCheck, createProcessGroups, endLeftovers, errorText } from "@waggle/testing/harness";
import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { realPictures } from "./fleet-faults/pictures.ts";
import { realModel } from "./fleet-faults/real-model.ts";
import type { FleetScenario, Verdict } from "./fleet-faults/scenario.ts";
import { fleetScenarios } from "./fleet-faults/scenarios.ts";
import { howToRepeat, isLong, limitMs, say, seed } from "../support/long.ts";

/** Parallel requests: several for each slot, so that the fault occurs while some run and others wait. */
const requests = isLong ? 500 : 80;
/** In a short run one scenario for each part of a fleet that can fail: a worker, the broker, a gateway, and a worker with pictures. */
const scenarios = isLong
  ? [...fleetScenarios, realModel, realPictures]
  : fleetScenarios.filter(({ name }) =>
      ["workers-killed", "nats-restarted", "gateway-killed", "pictures"].includes(name),
    );

/** @returns the scenario's problems, and the processes and ports that it left behind */
async function problemsOf(scenario: FleetScenario): Promise<Verdict> {
  const own = createProcessGroups("fleet-faults");
  const leaders: number[] = [];
  const groups: typeof own = {
    ...own,
    async start(spec) {
      const group = await own.start(spec);
      leaders.push(group.pid);
      return group;
    },
  };
  say(`${scenario.name}: ${scenario.what}`);
  const options = { groups, requests, seed, progress: (line: string) => say(`  ${line}`) };
  const problems = await scenario.run(options).catch((error: unknown) => [errorText(error)]);
  const leftovers = createLeftoverCheck();
  await leftovers.observe(leaders);
  groups.killAll();
  return [...problems, ...endLeftovers(await leftovers.check())];
}

describe("a fleet with faults", needs("nats-server"), () => {
  for (const scenario of scenarios) {
    test(`${scenario.name}: ${scenario.what}`, { timeout: limitMs }, async ({ skip }) => {
      const reason = await scenario.missing?.();
      if (reason !== undefined) skip(reason);
      expect(await problemsOf(scenario), howToRepeat).toEqual([]);
    });
  }
});
