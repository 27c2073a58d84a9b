// Chooses the driver of passes: the library's internals if they work as expected, else its public API.
import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";
import type { BatchDispatch } from "./batch-dispatch.ts";
import { directProblem } from "./direct-check.ts";
import { createDirectPasses } from "./direct-passes.ts";
import { directLibraryOf } from "./library-context.ts";
import type { LogLevel } from "../load/llama.ts";
import { createNativePasses } from "./native-passes.ts";
import type { Passes } from "./passes.ts";
import { createPublicPasses } from "./public-passes.ts";
import { createSamplerGarbage } from "./sampler-garbage.ts";
import type { SamplingContext } from "../sampling/sampling.ts";

export interface OpenPassesOptions {
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly dispatch: BatchDispatch;
  readonly slots: number;
  readonly sampling: SamplingContext;
  /** Driver to use, if this driver works; by default the fastest driver that works. */
  readonly driver: Passes["driver"] | undefined;
  /** Whether the library computes in the order in which it is called. */
  readonly inOrder: boolean;
  readonly log: (level: LogLevel, message: string) => void;
}

export async function openPasses(options: OpenPassesOptions): Promise<Passes> {
  const { llama, model, context, dispatch, slots, sampling, driver, inOrder, log } = options;
  // Every driver needs all sequences to be reserved.
  const sequences = Array.from({ length: slots }, () => context.getSequence());
  const [first] = sequences;
  const library = driver === "public" || first === undefined ? undefined : directLibraryOf(llama, model, context);
  const problem = library === undefined || first === undefined ? undefined : await directProblem(library, first);
  if (library !== undefined && problem === undefined) {
    const { isRecurrent, isHybrid } = model.fileInsights;
    const { contextSize } = context;
    const direct = { library, sequences, contextSize, isRecurrent: isRecurrent || isHybrid, sampling, inOrder };
    const { native } = library;
    return native === undefined || driver === "direct"
      ? createDirectPasses(direct)
      : createNativePasses(direct, native);
  }
  if (driver !== "public") {
    const reason = problem ?? "its context object is missing or has other methods";
    log("warn", `Using node-llama-cpp's slower public API: ${reason}`);
  }
  const samplers = createSamplerGarbage(sampling.vocabularySize, globalThis.gc);
  return createPublicPasses({ sequences, dispatch, sampling, samplers });
}
