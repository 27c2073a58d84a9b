// Tests when a worker takes jobs of batches, and that their slots count as free for every other job.
import { lanePriority } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { finish, fleetIdOf, fleetJob, joinBoth, submitJob, useFleet } from "../testing/fleet.ts";

describe("a fleet's lane job", () => {
  const fleet = useFleet();

  test("gets an idle slot when nothing else waits, and keeps no other job from the worker", async () => {
    const { name: model, gateway, model: local, worker } = await joinBoth(fleet);
    const { spec } = fleetJob({ model });
    const line = { ...spec, when: { ...spec.when, priority: lanePriority } };
    const submit = async (of = spec): Promise<string> => (await submitJob(gateway, { model, spec: of })).job.id;
    const lines = [await submit(line), await submit(line), await submit(line)];
    await local.job(1);
    const others = [await submit(), await submit()];
    await local.job(3);
    expect(local.jobs.map(fleetIdOf)).toEqual([...lines.slice(0, 2), ...others]);
    const late = await submit();
    // A lane job that ends frees no slot while the other jobs have both.
    for (const one of [local.jobs[0], local.jobs[2]]) {
      if (one !== undefined) finish(local, one);
      worker.side.refill();
    }
    expect(fleetIdOf(await local.job(4))).toBe(late);
    for (const one of [local.jobs[1], local.jobs[3]]) {
      if (one !== undefined) finish(local, one);
      worker.side.refill();
    }
    expect(fleetIdOf(await local.job(5))).toBe(lines[2]);
  });
});
