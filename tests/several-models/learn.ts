// Owns what each model of a soak is when it has a worker for itself: what it answers, and what it takes.
import type { Worker } from "@waggle/testing/harness";
import { watchEngines } from "./memory.ts";
import { markOf, type Mark, type SoakModels } from "./soak-models.ts";

export interface Learned {
  readonly marks: ReadonlyMap<string, Mark>;
  /** What the worker says that each takes; undefined where it does not know. */
  readonly saidBytes: ReadonlyMap<string, number | undefined>;
  /** Resident memory of its engine. */
  readonly aloneMib: ReadonlyMap<string, number>;
}

/** @param worker one that has a single model in memory at a time */
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
  const saidBytes = new Map(statuses.map(({ name, memory }) => [name, memory?.total]));
  return { marks, saidBytes, aloneMib };
}
