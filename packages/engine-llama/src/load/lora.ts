// Loads LoRA adapters with the model, and sets them on its contexts with their scales.
import { GgufError, isLoraAdapter, readGgufFile } from "@waggle/models/header";
import { maxLoraAdapters } from "@waggle/protocol";
import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import { cannotLoad } from "./load-error.ts";

export interface LoraFile {
  readonly path: string;
  /** Factor of the adapter; 0 turns it off. */
  readonly scale: number;
}

export interface LoraAdapters {
  readonly files: readonly LoraFile[];
  /**
   * Sets all adapters of a context, for its next and later passes. No pass may run in the context during this call.
   * @param scales one for each file
   */
  apply(context: LlamaContext, scales?: readonly number[]): void;
}

export interface OpenLoraOptions {
  readonly model: LlamaModel;
  readonly modelPath: string;
  readonly files: readonly LoraFile[];
  /** llama.cpp's reason for its last failure. */
  readonly reason: () => Promise<string | undefined>;
}

/** @throws WaggleError unavailable, naming the flag and the adapter's file */
export async function openLoraAdapters({ model, modelPath, files, reason }: OpenLoraOptions): Promise<LoraAdapters> {
  if (files.length > maxLoraAdapters)
    throw cannotLoad(modelPath, `--lora: ${files.length} adapters; the limit is ${maxLoraAdapters}`);
  const twice = files.find(({ path }, i) => files.findIndex((other) => other.path === path) !== i);
  if (twice !== undefined) throw cannotLoad(modelPath, `--lora ${twice.path}: given twice`);
  if (files.length === 0) return { files, apply: () => {} };
  const library = loraLibraryOf(model);
  if (library === undefined) throw cannotLoad(modelPath, "--lora: this version of node-llama-cpp has no adapters");
  const loaded: object[] = [];
  for (const { path } of files) {
    const problem = await headerProblem(path, model);
    if (problem !== undefined) throw cannotLoad(modelPath, `--lora ${path}: ${problem}`);
    try {
      loaded.push(await library.load(path));
    } catch (error) {
      const libraryReason = (await reason())?.replace(/^failed to apply lora adapter: /, "");
      throw cannotLoad(modelPath, `--lora ${path}: ${libraryReason ?? (error as Error).message}`, error);
    }
  }
  return {
    files,
    apply(context, scales = files.map(({ scale }) => scale)) {
      library.set(context, loaded, scales);
    },
  };
}

/**
 * Checked here, because llama.cpp trusts a header, and its errors are short.
 * @returns the problem as the end of a sentence, or undefined
 */
async function headerProblem(path: string, model: LlamaModel): Promise<string | undefined> {
  try {
    const header = await readGgufFile(path);
    if (!isLoraAdapter(header)) return "not a LoRA adapter";
    const { architecture } = header;
    const expected = model.fileInfo.metadata.general.architecture;
    return architecture === expected
      ? undefined
      : `made for architecture ${architecture}, and the model is ${expected}`;
  } catch (error) {
    if (error instanceof GgufError) return error.message;
    throw error;
  }
}

/**
 * What is known of the library's inside about LoRA adapters (3.22.1): loaded by the model, set on a context's inner object. Its public option sets
 * them only when a context is made, and gives no reason why one could not be loaded.
 */
interface LoraLibrary {
  /** Loads the adapter, or returns the one that was loaded from this path before. It lives as long as the model. */
  load(path: string): Promise<object>;
  /** Replaces the adapters of a context. llama.cpp skips adapters with a scale of 0, and plans its next pass again after a change. */
  set(context: LlamaContext, adapters: readonly object[], scales: readonly number[]): void;
}

/** Returns undefined where the library's internals differ from what is expected. */
function loraLibraryOf(model: LlamaModel): LoraLibrary | undefined {
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
