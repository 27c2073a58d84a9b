// Owns the answer to whoever wants to change models: they are the workers' own.
import { createConflatedChannel } from "@waggle/async";
import type { ModelChange, ModelControl, ServedModels } from "@waggle/front";
import { WaggleError } from "@waggle/protocol";
import type { ModelEvent } from "@waggle/protocol";

export function createNoControl(models: Pick<ServedModels, "find">): ModelControl {
  /** Some clients ask for a model to be loaded before their first request (`ollama run` does); one that is loaded is what they ask for. */
  function load(name: string): ModelChange {
    const model = models.find(name).status();
    if (model.state !== "ready") throw refusal("load");
    return createConflatedChannel<ModelEvent>({ type: "done", model });
  }

  return {
    load,
    unload: async () => await Promise.reject(refusal("unload")),
    pin: () => refuse("pin"),
    swap: async () => await Promise.reject(refusal("swap")),
    pull: () => refuse("pull"),
    remove: async () => await Promise.reject(refusal("delete")),
    alias: () => refuse("rename"),
  };
}

function refuse(what: string): never {
  throw refusal(what);
}

function refusal(what: string): WaggleError {
  return new WaggleError("unimplemented", `Cannot ${what} models here: a gateway has none. Ask a worker that does.`);
}
