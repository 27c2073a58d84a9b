// Owns the status of a model for tests.
import type { ModelStatus } from "@waggle/protocol";

/** The status of an unloaded model from the models folder, changed by the fields in `more`. */
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
