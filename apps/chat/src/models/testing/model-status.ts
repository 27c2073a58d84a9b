// Owns a model's status as tests begin with it.
import type { ModelStatus } from "@waggle/protocol";

/** Unloaded, from the models folder, and otherwise as `more` says. */
export function modelStatus(name: string, more: Partial<ModelStatus> = {}): ModelStatus {
  return {
    name,
    aliases: [],
    state: "unloaded",
    source: "folder",
    deletable: false,
    pinned: false,
    default: false,
    queued: 0,
    keep_alive_s: 300,
    loads: 0,
    ...more,
  };
}
