// Tests a worker of several models: requests that name them at random, an engine that is killed, a file that is swapped under streams.
import { createLeftoverCheck, createProcessGroups, endLeftovers } from "@waggle/testing/harness";
import { afterEach, expect, test } from "vitest";
import { runSoak } from "./several-models/soak.ts";
import { runSwap } from "./several-models/swap.ts";
import { howToRepeat, isLong, limitMs, say, seed } from "./support/long.ts";

const requests = isLong ? 1_000 : 40;
const streams = isLong ? 200 : 20;
/** How many ask at the same time. */
const clients = 16;
const groups = createProcessGroups("several-models");
afterEach(() => groups.killAll());

const options = (interrupted: AbortSignal) => ({
  ...{ groups, leftovers: createLeftoverCheck(), clients, interrupted, progress: say },
});

/** In a long run first with a limit of two models, then with the memory of the two largest. */
test.for(isLong ? (["models", "memory"] as const) : (["memory"] as const))(
  "four models share the %s of two, and one engine dies, without an effect on the others",
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
  "each stream is answered by the old file or the new one, whole, while they change places",
  { timeout: limitMs },
  async ({ signal }) => {
    const given = options(signal);
    const { failures, ...figures } = await runSwap({ ...given, streams });
    say(JSON.stringify(figures, null, 2));
    groups.killAll();
    expect([...failures, ...endLeftovers(await given.leftovers.check())]).toEqual([]);
  },
);
