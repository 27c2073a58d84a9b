import { createConflatedChannel } from "@waggle/async";
import type { LoadingEvent } from "@waggle/protocol";
import { expect, it, vi } from "vitest";
import { createFleetModels } from "./fleet-models.ts";
import type { Catalogue, FleetModel } from "./catalogue.ts";
import type { FleetHost } from "./fleet-host.ts";
import { createServed, type OwnFacts } from "./served.ts";

it("an old view of a removed model does not create the model's host again", async () => {
  const worker = { member: { id: "w1" }, model: { slots: 1 } };
  let known = [{ name: "m", aliases: new Set(), workers: [worker], ready: [] } as unknown as FleetModel];
  let changed = (): void => {};
  const catalogue = {
    models: () => known,
    get: (name: string) => known.find((model) => model.name === name),
    onChange: (listener: () => void) => void (changed = listener),
    describe: () => Promise.reject(new Error("no answer")),
    close() {},
  } satisfies Catalogue;
  const createHost = vi.fn(
    (name: string) =>
      ({
        name,
        dispatcher: { waiting: 0, running: 0 },
        registry: { liveCount: 0, liveJobs: () => [] },
        loading: createConflatedChannel<LoadingEvent>({ type: "ready", model: name }),
        changed() {},
        close() {},
      }) as unknown as FleetHost,
  );
  const models = createFleetModels({ side: { connected: true }, catalogue, createHost, queueCapacity: 1 });
  const served = createServed({ catalogue, findHost: models.find, self: () => ({}) as OwnFacts });
  const view = served.find("m");
  expect([view.status().queued, view.loading.value.type, createHost.mock.calls.length]).toEqual([0, "ready", 1]);
  known = [];
  changed();
  expect([view.status().state, view.slots(), models.hosts()]).toEqual(["unloaded", [], []]);
  expect(() => view.loading).toThrow("m");
  await expect(view.query({ kind: "tokenize", text: "a" } as never, AbortSignal.abort())).rejects.toThrow("m");
  expect(createHost).toHaveBeenCalledTimes(1);
});
