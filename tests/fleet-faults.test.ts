// Tests that a fleet keeps every stream whole while its workers, gateways, NATS and network are broken, against real processes.
import { createLeftoverCheck, createProcessGroups, endLeftovers, messageOf } from "@waggle/testing/harness";
import { describeWithNats } from "@waggle/testing";
import { expect, test } from "vitest";
import { realModel } from "./fleet-faults/real-model.ts";
import type { FleetScenario, Verdict } from "./fleet-faults/scenario.ts";
import { fleetScenarios, natsRestarted } from "./fleet-faults/scenarios.ts";
import { howToRepeat, isLong, limitMs, say, seed } from "./support/long.ts";

/** In parallel: enough for the fault to come in the middle. */
const requests = isLong ? 500 : 200;
/** On a real model it takes as long as all others together. */
const scenarios = isLong ? [...fleetScenarios, realModel] : fleetScenarios;

/** What is wrong, and what is left behind. */
async function problemsOf(scenario: FleetScenario, count: number, signal: AbortSignal): Promise<Verdict> {
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
  const options = { groups, requests: count, seed, interrupted: signal, progress: (line: string) => say(`  ${line}`) };
  const problems = await scenario.run(options).catch((error: unknown) => [messageOf(error)]);
  const leftovers = createLeftoverCheck();
  await leftovers.observe(leaders);
  groups.killAll();
  return [...problems, ...endLeftovers(await leftovers.check())];
}

describeWithNats("a fleet that is broken on purpose", () => {
  for (const scenario of scenarios) {
    test(`${scenario.name}: ${scenario.what}`, { timeout: limitMs }, async ({ signal, skip }) => {
      const reason = await scenario.whyNot?.();
      if (reason !== undefined) skip(reason);
      expect(await problemsOf(scenario, requests, signal), howToRepeat).toEqual([]);
    });
  }

  test("says what is wrong", { timeout: limitMs }, async ({ signal }) => {
    const problems = await problemsOf(natsRestarted, 4, signal);
    expect(problems).toEqual([expect.stringContaining("All was over before nats-server was stopped")]);
  });
});
