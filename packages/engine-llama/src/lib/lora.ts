// Owns LoRA adapters: loaded beside the model, and set on its contexts with their scales.
import { GgufError, isLoraAdapter, readGgufFile } from "@waggle/gguf";
import { maxLoraAdapters } from "@waggle/protocol";
import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import { loraLibraryOf } from "./library-lora.ts";
import { cannotLoad } from "./load-error.ts";

export interface LoraFile {
  readonly path: string;
  /** What the adapter adds is multiplied by it; 0 turns it off. */
  readonly scale: number;
}

export interface LoraAdapters {
  readonly files: readonly LoraFile[];
  /** Sets all adapters of a context, from its next pass on; nothing may compute in it meanwhile. @param scales one for each file */
  apply(context: LlamaContext, scales?: readonly number[]): void;
}

export interface OpenLoraOptions {
  readonly model: LlamaModel;
  readonly modelPath: string;
  readonly files: readonly LoraFile[];
  /** What llama.cpp has said of its last failure. */
  readonly reason: () => Promise<string | undefined>;
}

/** @throws WaggleError unavailable, naming the flag and the adapter's file */
export async function openLoraAdapters({ model, modelPath, files, reason }: OpenLoraOptions): Promise<LoraAdapters> {
  if (files.length > maxLoraAdapters)
    throw cannotLoad(modelPath, `--lora: ${files.length} adapters, and ${maxLoraAdapters} are the most`);
  const twice = files.find(({ path }, i) => files.findIndex((other) => other.path === path) !== i);
  if (twice !== undefined) throw cannotLoad(modelPath, `--lora ${twice.path}: given twice`);
  if (files.length === 0) return { files, apply: () => {} };
  const library = loraLibraryOf(model);
  if (library === undefined) throw cannotLoad(modelPath, "--lora: the library takes no adapters");
  const loaded: object[] = [];
  for (const { path } of files) {
    const problem = await headerProblem(path, model);
    if (problem !== undefined) throw cannotLoad(modelPath, `--lora ${path}: ${problem}`);
    try {
      loaded.push(await library.load(path));
    } catch (error) {
      const said = (await reason())?.replace(/^failed to apply lora adapter: /, "");
      throw cannotLoad(modelPath, `--lora ${path}: ${said ?? (error as Error).message}`, error);
    }
  }
  return {
    files,
    apply(context, scales = files.map(({ scale }) => scale)) {
      library.set(context, loaded, scales);
    },
  };
}

/** Looked at before: llama.cpp's reader trusts what a header says, and tells little of what is wrong. @returns the end of a sentence, or undefined */
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
