// Tests how decide jobs reach workers that know them, and where they continue.
import type { DecideWork, JobEvent } from "@waggle/engine";
import { describe, expect, test } from "vitest";
import {
  finish,
  fleetIdOf,
  fleetJob,
  joinBoth,
  joinModel,
  joinWorker,
  fakeModel,
  submitJob,
  until,
  useFleet,
} from "../testing/fleet.ts";

const work: DecideWork = { kind: "decide", state: { messages: [] }, readings: [] };
const read = (index: number): JobEvent => ({ type: "embedding", jobId: "local", index, vector: [-1], tokens: 1 });

describe("a fleet's decide job", () => {
  const fleet = useFleet();

  test("goes only to a worker that knows such jobs, also if it was reserved for another one", async () => {
    const { name: model, gateway, model: old, worker } = await joinBoth(fleet);
    const spec = { ...fleetJob({ model }).spec, work };
    const [one, other] = [
      await submitJob(gateway, { model, spec }),
      await submitJob(gateway, { model, spec }, worker.id),
    ];
    const { job: text } = await submitJob(gateway, { model });
    expect(fleetIdOf(await old.job())).toBe(text.id);
    const { model: able } = await joinModel(fleet, model, { decides: true });
    const locals = [await able.job(0), await able.job(1)];
    expect(new Set(locals.map(fleetIdOf))).toEqual(new Set([one.job.id, other.job.id]));
    for (const local of locals) finish(able, local);
    await Promise.all([one, other].map(({ received }) => received.ended()));
    expect(old.jobs).toHaveLength(1);
  });

  test("continues behind its computed readings at another worker when its worker is lost", async () => {
    const { name: model, gateway, model: dying, worker } = await joinBoth(fleet, { decides: true });
    const { received } = await submitJob(gateway, { model, spec: { ...fleetJob({ model }).spec, work } });
    (await dying.job()).listener.event(read(0));
    await until(() => received.events().length === 1);
    const old = fakeModel(model);
    await joinWorker(fleet, { models: [old] });
    worker.kill();
    const { model: able } = await joinModel(fleet, model, { decides: true });
    const resumed = await able.job();
    expect(resumed.spec).toMatchObject({ work, prior: { computed: 1 } });
    resumed.listener.event(read(1));
    finish(able, resumed);
    await received.ended();
    expect([received.events().map(({ type }) => type), old.jobs]).toEqual([["embedding", "embedding", "finished"], []]);
  });
});
