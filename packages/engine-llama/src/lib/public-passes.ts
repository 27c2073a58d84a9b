// Owns passes by the library's public interface: each row asks its sequence, and the library computes together whatever it finds in its queue.
// Slower, and for a library that looks different inside.
import type { SlotSampling } from "@waggle/engine";
import type {
  ControlledEvaluateIndexOutput,
  ControlledEvaluateInputItem,
  LlamaContextSequence,
  Token as LlamaToken,
} from "node-llama-cpp";
import type { BatchDispatch } from "./batch-dispatch.ts";
import { priorityOfSlot } from "./batch-order.ts";
import type { LogitsRequest } from "./logit-sampler.ts";
import type { Answer, Ask, PassRow, Passes } from "./passes.ts";
import { drawOptions, type SamplingContext } from "./sampling.ts";
import type { SamplerGarbage } from "./sampler-garbage.ts";

export interface PublicPassesOptions {
  /** One for each slot. */
  readonly sequences: readonly LlamaContextSequence[];
  readonly dispatch: BatchDispatch;
  readonly sampling: SamplingContext;
  /** The library makes a sampler for each row: hears of those that it is done with. */
  readonly samplers: SamplerGarbage;
}

interface SlotSequence {
  readonly sequence: LlamaContextSequence;
  sampling: SlotSampling | undefined;
}

type Output = ControlledEvaluateIndexOutput["next"] | undefined;

/** A full context is an error that was not caught in time; silently forgetting the beginning would be worse. */
const noShift = {
  strategy: (): never => {
    throw new Error("The context is full");
  },
};
/** Changes no logit, and selects the most probable token. */
const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0 };

export function createPublicPasses(options: PublicPassesOptions): Passes {
  const { dispatch, sampling, samplers } = options;
  const slots = options.sequences.map((sequence): SlotSequence => ({ sequence, sampling: undefined }));
  let running: Promise<unknown> = Promise.resolve();

  function slotAt(slot: number): SlotSequence {
    const found = slots[slot];
    if (found === undefined) throw new Error(`There is no slot ${slot}`);
    return found;
  }

  async function runRow({ slot, tokens, asks }: PassRow): Promise<Answer[]> {
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
    if (wanted === undefined) throw new Error("Cannot sample: nobody has said how");
    const options = drawOptions(wanted, ask.draw, sampling);
    return { token: true, options };
  }

  return {
    way: "public",
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
    // The library takes as many as it is told to take at most, for whatever it computes.
    setThreads: () => {},
    async erase(slot, from, to, held) {
      const { sequence } = slotAt(slot);
      // By its tokens, where it can be: a memory that cannot be cut would otherwise be computed again, outside of any step.
      if (to === held) await sequence.adaptStateToTokens(sequence.contextTokens.slice(0, from), false);
      else await sequence.eraseContextTokenRanges([{ start: from, end: to }]);
      return sequence.nextTokenIndex;
    },
    async save(slot, path) {
      return (await slotAt(slot).sequence.saveStateToFile(path)).fileSize;
    },
    async load(slot, path) {
      const { sequence } = slotAt(slot);
      // The file's name says which model it is of.
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
  if (logits === undefined) return { kind: "failed", message: "The library gave no logits" };
  return { kind: "logits", place: { logits, ...(totalWeight === undefined ? {} : { totalWeight }) } };
}
