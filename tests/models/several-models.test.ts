// Tests a worker with several models: requests for random models, an engine that is killed, and a model file that is swapped under streams.
import { createLeftoverCheck, createProcessGroups, endLeftovers } from "@waggle/testing/harness";
import { afterEach, expect, test } from "vitest";
import { runSoak } from "./several-models/soak.ts";
import { runSwap } from "./several-models/swap.ts";
import { howToRepeat, isLong, limitMs, say, seed } from "../support/long.ts";

const requests = isLong ? 1_000 : 24;
const streams = isLong ? 200 : 12;
/** Parallel clients. */
const clients = 16;
const groups = createProcessGroups("several-models");
afterEach(() => groups.killAll());

const options = (interrupted: AbortSignal) => ({
  ...{ groups, leftovers: createLeftoverCheck(), clients, interrupted, progress: say },
});

/** A long run tests first a limit of two loaded models, then a memory budget for the two largest. */
test.for(isLong ? (["models", "memory"] as const) : (["memory"] as const))(
  "four models with a limit for two (%s), and an engine that dies without an effect on other models",
  { timeout: limitMs },
  async (limit, { signal }) => {
    const given = options(signal);
    const { failures, ...figures } = await runSoak({ ...given, requests, seed, limit });
    say(JSON.stringify(figures, null, 2));
    groups.killAll();
    expect([...failures, ...endLeftovers(await given.leftovers.check())], howToRepeat).toEqual([]);
  },
);

test(
  "during a swap, each stream is complete and answered by either the old or the new file",
  { timeout: limitMs },
  async ({ signal }) => {
    const given = options(signal);
    const { failures, ...figures } = await runSwap({ ...given, streams });
    say(JSON.stringify(figures, null, 2));
    groups.killAll();
    expect([...failures, ...endLeftovers(await given.leftovers.check())]).toEqual([]);
  },
);
