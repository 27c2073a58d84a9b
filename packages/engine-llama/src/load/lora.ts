// Loads LoRA adapters together with the model, and sets their scales on its contexts.
import { GgufError, isLoraAdapter, readGgufFile } from "@waggle/models/header";
import { maxLoraAdapters } from "@waggle/protocol";
import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import type { OnOpening } from "../pictures/open-pictures.ts";
import { cannotLoad } from "./load-error.ts";

export interface LoraFile {
  readonly path: string;
  /** Factor of the adapter; 0 turns it off. */
  readonly scale: number;
}

export interface LoraAdapters {
  readonly files: readonly LoraFile[];
  /**
   * Sets the scales of all adapters, for the context's next and later passes. Only call it while no pass runs in the context.
   * @param scales a scale for each file; by default the scales in `files`
   */
  apply(context: LlamaContext, scales?: readonly number[]): void;
}

export interface OpenLoraOptions {
  readonly model: LlamaModel;
  readonly modelPath: string;
  readonly files: readonly LoraFile[];
  /** Reads llama.cpp's reason for its last failure. */
  readonly reason: () => Promise<string | undefined>;
  readonly onOpening?: OnOpening | undefined;
}

/** @throws WaggleError unavailable, with the flag and the adapter's file in its message */
export async function openLoraAdapters({
  model,
  modelPath,
  files,
  reason,
  onOpening,
}: OpenLoraOptions): Promise<LoraAdapters> {
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
      onOpening?.({ kind: "adapter", path });
      loaded.push(await library.load(path));
      onOpening?.(undefined);
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
 * Checks the adapter's header, because llama.cpp trusts the header, and its error messages have no details.
 * @returns the end of an error message; undefined if the adapter fits the model
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
 * The library's internal functions for LoRA adapters (3.22.1). Its public option sets adapters only when a context is made, and does not report why
 * an adapter cannot be loaded.
 */
interface LoraLibrary {
  /** Loads the adapter, or returns the adapter that was loaded from this path before. The model frees it. */
  load(path: string): Promise<object>;
  /** Replaces the adapters of a context. llama.cpp skips adapters with a scale of 0, and plans the graph of its next pass again after a change. */
  set(context: LlamaContext, adapters: readonly object[], scales: readonly number[]): void;
}

/** @returns undefined if the library's internals are not as expected */
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
