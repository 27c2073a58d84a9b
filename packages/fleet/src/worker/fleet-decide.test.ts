// Tests where decide jobs continue.
import type { DecideWork, JobEvent } from "@waggle/engine";
import { describe, expect, test } from "vitest";
import { finish, fleetJob, joinBoth, joinModel, submitJob, until, useFleet } from "../testing/fleet.ts";

const work: DecideWork = { kind: "decide", state: { messages: [] }, readings: [] };
const read = (index: number): JobEvent => ({ type: "embedding", jobId: "local", index, vector: [-1], tokens: 1 });

describe("a fleet's decide job", () => {
  const fleet = useFleet();

  test("continues behind its computed readings at another worker when its worker is lost", async () => {
    const { name: model, gateway, model: dying, worker } = await joinBoth(fleet);
    const { received } = await submitJob(gateway, { model, spec: { ...fleetJob({ model }).spec, work } });
    (await dying.job()).listener.event(read(0));
    await until(() => received.events().length === 1);
    worker.kill();
    const { model: able } = await joinModel(fleet, model);
    const resumed = await able.job();
    expect(resumed.spec).toMatchObject({ work, prior: { computed: 1 } });
    resumed.listener.event(read(1));
    finish(able, resumed);
    await received.ended();
    expect(received.events().map(({ type }) => type)).toEqual(["embedding", "embedding", "finished"]);
  });
});
