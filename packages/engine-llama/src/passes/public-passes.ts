// The driver on the library's public API: each row calls its sequence, and the library computes its queue as one batch. This driver is slower
// than the others, and only used if the library's internals are not as expected.
import type { SlotSampling } from "@waggle/engine";
import type {
  ControlledEvaluateIndexOutput,
  ControlledEvaluateInputItem,
  LlamaContextSequence,
  Token as LlamaToken,
} from "node-llama-cpp";
import type { BatchDispatch } from "./batch-dispatch.ts";
import { priorityOfSlot } from "./batch-order.ts";
import type { LogitsRequest } from "../sampling/logit-sampler.ts";
import { greedy } from "./library-context.ts";
import type { Answer, Ask, BatchRow, Passes } from "./passes.ts";
import { drawOptions, type SamplingContext } from "../sampling/sampling.ts";
import type { SamplerGarbage } from "./sampler-garbage.ts";

export interface PublicPassesOptions {
  /** A sequence for each slot. */
  readonly sequences: readonly LlamaContextSequence[];
  readonly dispatch: BatchDispatch;
  readonly sampling: SamplingContext;
  /** Counts the samplers: the library makes a sampler for each row, and drops it afterwards. */
  readonly samplers: SamplerGarbage;
}

interface SlotSequence {
  readonly sequence: LlamaContextSequence;
  sampling: SlotSampling | undefined;
}

type Output = ControlledEvaluateIndexOutput["next"] | undefined;

/** Replaces the library's shift. A full context is a defect of the caller: an error is better than silently discarding the beginning. */
const noShift = {
  strategy: (): never => {
    throw new Error("The context is full");
  },
};

export function createPublicPasses(options: PublicPassesOptions): Passes {
  const { dispatch, sampling, samplers } = options;
  const slots = options.sequences.map((sequence): SlotSequence => ({ sequence, sampling: undefined }));
  let running: Promise<unknown> = Promise.resolve();

  function slotAt(slot: number): SlotSequence {
    const found = slots[slot];
    if (found === undefined) throw new Error(`There is no slot ${slot}`);
    return found;
  }

  async function runRow({ slot, tokens, asks }: BatchRow): Promise<Answer[]> {
    const { sequence, sampling: wanted } = slotAt(slot);
    const evaluation = { evaluationPriority: priorityOfSlot(slot), contextShift: noShift };
    const items: ControlledEvaluateInputItem[] = [...(tokens as LlamaToken[])];
    for (const ask of asks) items[ask.at] = [tokens[ask.at] as LlamaToken, { generateNext: optionsFor(ask, wanted) }];
    if (asks.length === 0) {
      await sequence.evaluateWithoutGeneratingNewTokens(tokens as LlamaToken[], evaluation);
      return [];
    }
    const outputs = await sequence.controlledEvaluate(items, evaluation);
    samplers.add();
    return asks.map((ask) => answerOf(ask, outputs[ask.at]?.next));
  }

  function optionsFor(ask: Ask, wanted: SlotSampling | undefined): object {
    if (ask.kind === "logits") return optionsForLogits(ask.request);
    if (wanted === undefined) throw new Error("Cannot sample: the slot has no sampling settings");
    const options = drawOptions(wanted, ask.draw, sampling);
    return { token: true, options };
  }

  return {
    driver: "public",
    configure(slot, wanted) {
      slotAt(slot).sampling = wanted;
    },
    async run(rows, underway) {
      dispatch.onNext(() => {
        underway();
        samplers.collect();
      });
      const pass = Promise.all(rows.map(runRow));
      running = pass.catch(() => {});
      return await pass;
    },
    // The library uses `maxThreads` of its instance for everything that it computes.
    setThreads: () => {},
    async erase(slot, from, to, held) {
      const { sequence } = slotAt(slot);
      // With recurrent layers, `eraseContextTokenRanges` would compute the sequence again, while other streams wait.
      if (to === held) await sequence.adaptStateToTokens(sequence.contextTokens.slice(0, from), false);
      else await sequence.eraseContextTokenRanges([{ start: from, end: to }]);
      return sequence.nextTokenIndex;
    },
    async save(slot, path) {
      return (await slotAt(slot).sequence.saveStateToFile(path)).fileSize;
    },
    async load(slot, path) {
      const { sequence } = slotAt(slot);
      // `acceptRisk`: the folder's name has the model's fingerprint, so the file belongs to this model.
      await sequence.loadStateFromFile(path, { acceptRisk: true });
      return sequence.contextTokens;
    },
    settled: async () => void (await running),
  };
}

function optionsForLogits({ tokens, top, total }: LogitsRequest): object {
  const filter = {
    tokens: tokens as LlamaToken[],
    includeSelected: true,
    ...(top !== "all" && top > 1 ? { includeTop: top } : {}),
  };
  return { logits: top === "all" ? true : { filter }, totalLogitWeight: total, options: greedy };
}

function answerOf(ask: Ask, next: Output): Answer {
  if (ask.kind === "draw") return { kind: "token", token: next?.token ?? undefined };
  const { logits, totalLogitWeight: totalWeight } = next ?? {};
  if (logits === undefined) return { kind: "failed", message: "The library returned no logits" };
  return { kind: "logits", logits: { logits, ...(totalWeight === undefined ? {} : { totalWeight }) } };
}
