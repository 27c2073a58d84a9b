// Owns the answers to requests that change models: a gateway cannot change the models of its workers.
import { createConflatedChannel } from "@waggle/async";
import type { ModelChange, ModelControl, ServedModels } from "@waggle/front";
import { WaggleError } from "@waggle/protocol";
import type { ModelEvent } from "@waggle/protocol";

export function createNoControl(models: Pick<ServedModels, "find">): ModelControl {
  /** Some clients load a model before their first request (`ollama run` does): for a loaded model this succeeds. */
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
    downloads: async () => await Promise.resolve([]),
    stopDownload: async () => await Promise.reject(refusal("stop a download of")),
    remove: async () => await Promise.reject(refusal("delete")),
    alias: () => refuse("rename"),
  };
}

function refuse(what: string): never {
  throw refusal(what);
}

function refusal(what: string): WaggleError {
  return new WaggleError(
    "unimplemented",
    `Cannot ${what} models at a gateway: it has no models. Send the request to a worker.`,
  );
}
