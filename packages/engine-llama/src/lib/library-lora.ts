// Owns what is known of the library's inside about LoRA adapters (3.22.1): loaded by the model, set on a context's inner object. Its public option sets
// them only when a context is made, and says of none why it could not be loaded.
import type { LlamaContext, LlamaModel } from "node-llama-cpp";

export interface LoraLibrary {
  /** Loads the adapter, or answers with the one that was loaded from there before. It lives as long as the model. */
  load(path: string): Promise<object>;
  /** Replaces the adapters of a context. llama.cpp leaves out those with a scale of 0, and plans its next pass anew where anything has changed. */
  set(context: LlamaContext, adapters: readonly object[], scales: readonly number[]): void;
}

/** Undefined where the library looks different inside. */
export function loraLibraryOf(model: LlamaModel): LoraLibrary | undefined {
  const inside = model as unknown as { readonly _getOrLoadLora?: (path: string) => Promise<object> };
  if (typeof inside._getOrLoadLora !== "function") return undefined;
  return {
    load: (path) => inside._getOrLoadLora?.(path) ?? Promise.reject(new Error("No adapters")),
    set(context, adapters, scales) {
      const { _ctx: target } = context as unknown as {
        readonly _ctx: { setLoras(adapters: readonly object[], scales: readonly number[]): void };
      };
      target.setLoras(adapters, scales);
    },
  };
}
