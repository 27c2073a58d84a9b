// Lists the bindings that tests run on: the library's own, and the addon if its file is there. With WAGGLE_ADDON=required, the addon must be there.
import type { Backend } from "@waggle/engine";
import { hasAddon as isAddonThere } from "../load/addon-file.ts";
import { loadLlamaBackend, type LlamaBackendOptions } from "../load/load.ts";
import type { Binding } from "../passes/open-decoder.ts";

export const hasAddon = isAddonThere() || process.env["WAGGLE_ADDON"] === "required";

export const bindings: readonly Binding[] = hasAddon ? ["library", "addon"] : ["library"];

/** @throws Error if the backend does not run on this binding */
export async function loadOn(binding: Binding, options: LlamaBackendOptions): Promise<Backend> {
  const backend = await loadLlamaBackend({ ...options, ...(binding === "library" ? { binding } : {}) });
  if (backend.info.binding === binding) return backend;
  await backend.dispose();
  throw new Error(`The backend runs on the binding ${backend.info.binding}, not on the ${binding}'s`);
}
