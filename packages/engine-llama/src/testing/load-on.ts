// Loads the backend on one of the two bindings. Scripts that run without vitest use it too.
import type { Backend } from "@waggle/engine";
import { loadLlamaBackend, type LlamaBackendOptions } from "../load/load.ts";
import type { Binding } from "../passes/open-decoder.ts";

/** @throws Error if the backend does not run on this binding */
export async function loadOn(binding: Binding, options: LlamaBackendOptions): Promise<Backend> {
  const backend = await loadLlamaBackend({ ...options, ...(binding === "library" ? { binding } : {}) });
  if (backend.info.binding === binding) return backend;
  await backend.dispose();
  throw new Error(`The backend runs on the binding ${backend.info.binding}, not on the ${binding}'s`);
}
