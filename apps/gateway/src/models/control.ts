// Owns the answer to whoever wants to change models: they are the workers' own.
import type { ModelControl } from "@waggle/front";
import { WaggleError } from "@waggle/protocol";

export function createNoControl(): ModelControl {
  return {
    load: () => refuse("load"),
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
