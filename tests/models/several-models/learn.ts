// Measures each model of a soak alone: its answer and its memory.
import type { Worker } from "@waggle/testing/harness";
import { watchEngines } from "./memory.ts";
import { markOf, type Mark, type SoakModels } from "./soak-models.ts";

export interface Learned {
  readonly marks: ReadonlyMap<string, Mark>;
  /** Memory of each model as the worker reports it; undefined if the worker does not know it. */
  readonly reportedBytes: ReadonlyMap<string, number | undefined>;
  /** Resident memory of the engine with this model alone. */
  readonly aloneMib: ReadonlyMap<string, number>;
}

/** @param worker a worker with a limit of one loaded model */
export async function learn(worker: Worker, models: SoakModels): Promise<Learned> {
  const marks = new Map<string, Mark>();
  const aloneMib = new Map<string, number>();
  for (const model of models.all) {
    for await (const event of worker.client.models.load({ model: model.name }))
      if (event.type === "error") throw new Error(`Cannot load model ${model.name}: ${event.message}`);
    const memory = watchEngines(worker);
    marks.set(model.name, await markOf(worker, model));
    await memory.stop();
    aloneMib.set(model.name, memory.mostMib);
  }
  const statuses = (await worker.client.models.list()).models;
  const reportedBytes = new Map(statuses.map(({ name, memory }) => [name, memory?.total]));
  return { marks, reportedBytes, aloneMib };
}
