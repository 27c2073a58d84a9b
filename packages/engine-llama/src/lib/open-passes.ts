// Owns the choice of how passes are computed: on the library's inside where that is as we know it, by its public interface otherwise.
import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";
import type { BatchDispatch } from "./batch-dispatch.ts";
import { directProblem } from "./direct-check.ts";
import { createDirectPasses } from "./direct-passes.ts";
import { directLibraryOf } from "./library-context.ts";
import type { LogLevel } from "./llama.ts";
import { createNativePasses } from "./native-passes.ts";
import type { Passes } from "./passes.ts";
import { createPublicPasses } from "./public-passes.ts";
import { createSamplerGarbage } from "./sampler-garbage.ts";
import type { SamplingContext } from "./sampling.ts";

export interface OpenPassesOptions {
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly dispatch: BatchDispatch;
  readonly slots: number;
  readonly sampling: SamplingContext;
  /** The way to take if it can be taken; by default the fastest one. */
  readonly way: Passes["way"] | undefined;
  /** What computes runs one after the other, in the order in which it was asked for. */
  readonly inOrder: boolean;
  readonly log: (level: LogLevel, message: string) => void;
}

export async function openPasses(options: OpenPassesOptions): Promise<Passes> {
  const { llama, model, context, dispatch, slots, sampling, way, inOrder, log } = options;
  // Taken in any case: the library is to give them to nobody else.
  const sequences = Array.from({ length: slots }, () => context.getSequence());
  const [first] = sequences;
  const library = way === "public" || first === undefined ? undefined : directLibraryOf(llama, model, context);
  const problem = library === undefined || first === undefined ? undefined : await directProblem(library, first);
  if (library !== undefined && problem === undefined) {
    const { isRecurrent, isHybrid } = model.fileInsights;
    const { contextSize } = context;
    const direct = { library, sequences, contextSize, isRecurrent: isRecurrent || isHybrid, sampling, inOrder };
    const { native } = library;
    return native === undefined || way === "direct" ? createDirectPasses(direct) : createNativePasses(direct, native);
  }
  if (way !== "public") {
    const reason = problem ?? "it looks different";
    log("warn", `Passes take the library's public interface, which is slower; its inside cannot be used: ${reason}`);
  }
  const samplers = createSamplerGarbage(sampling.vocabularySize, globalThis.gc);
  return createPublicPasses({ sequences, dispatch, sampling, samplers });
}
