// Owns the Backend on a loaded model: the port's calls, handed to the slots. One step is one forward pass.
import type { Backend, BackendInfo, EntryResult, BatchEntry, Token } from "@waggle/engine";
import type { LlamaContext, LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import type { BatchDispatch } from "./batch-dispatch.ts";
import { priorityOfSlot } from "./batch-order.ts";
import { createChatTemplate } from "./chat-template.ts";
import { createEmbedder } from "./embed.ts";
import { refuseField } from "./field-error.ts";
import { createGrammars } from "./grammars.ts";
import { createPrompts, type Prompts } from "./prompt.ts";
import { checkSampling, type SamplingContext } from "./sampling.ts";
import { createSamplerGarbage } from "./sampler-garbage.ts";
import { shiftProblem } from "./shift-check.ts";
import { createSlotStates } from "./slot-states.ts";
import { createSlot, type Slot } from "./slot.ts";
import { createSpecialText } from "./special-text.ts";
import type { StateFolder } from "./state-folder.ts";
import { findTextCuts } from "./text-cuts.ts";
import { createTokenBytes } from "./token-bytes.ts";
import { createTokenizer } from "./tokenizer.ts";
import { readVocabulary, type Vocabulary } from "./vocabulary.ts";

export interface LlamaBackendParts {
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly info: BackendInfo;
  readonly dispatch: BatchDispatch;
  /** Where slots are saved; undefined: nowhere. */
  readonly states: StateFolder | undefined;
  /** Frees everything that was loaded; may be called again. */
  readonly release: () => Promise<void>;
}

export function createLlamaBackend({ model, context, info, dispatch, states, release }: LlamaBackendParts): Backend {
  const { llama } = model;
  const vocabulary = readVocabulary(model);
  const tokenBytes = createTokenBytes(vocabulary);
  const isEndOfGeneration = (token: Token): boolean => model.isEogToken(token as LlamaToken);
  const vocabularySize = vocabulary.pieces.length;
  const sampling: SamplingContext = {
    llama,
    model,
    grammars: createGrammars({ vocabularySize, tokenBytes, isEndOfGeneration }),
    vocabularySize,
    contextSize: info.contextSize,
  };
  const prompts = promptsOf(model, vocabulary);
  const { contextSize, batchSize, maxThreads } = info;
  const embedder = createEmbedder({ model, contextSize, batchSize, threads: maxThreads, ...prompts });
  // The last token of a full context is sampled and never fed.
  const capacity = info.contextSize - 1;
  const samplers = createSamplerGarbage(sampling.vocabularySize, globalThis.gc);
  const slots = Array.from({ length: info.slots }, (_, id) =>
    createSlot({
      id,
      sequence: context.getSequence(),
      sampling,
      samplers,
      capacity,
      priority: priorityOfSlot(id),
    }),
  );

  function slotAt(id: number): Slot {
    const slot = slots[id];
    if (slot === undefined) throw new Error(`There is no slot ${id}`);
    return slot;
  }

  return {
    info,
    states: states === undefined ? undefined : createSlotStates(slotAt, states, capacity),
    ...prompts,
    embedder,
    checkSampling: (wanted) => checkSampling(wanted, sampling),
    checkShift() {
      const problem = shiftProblem(model.fileInfo, model.fileInsights);
      if (problem !== undefined) throw refuseField("context_shift", problem);
    },
    tokenBytes,
    isEndOfGeneration,
    begin: async (slot, keepTokens, wanted) => await slotAt(slot).begin(keepTokens, wanted),
    async step(entries, underway) {
      dispatch.onNext(() => {
        underway?.();
        samplers.collect();
      });
      return await step(entries, slotAt);
    },
    shift: async (slot, keepTokens, discardTokens) => await slotAt(slot).shift(keepTokens, discardTokens),
    end: async (slot) => await slotAt(slot).end(),
    setThreads(threads) {
      llama.maxThreads = Math.min(Math.max(1, threads), info.maxThreads);
    },
    async dispose() {
      await states?.settled();
      await embedder?.close();
      await release();
    },
  };
}

/** All entries are asked in the same tick: the library computes together whatever it finds at the end of it. */
async function step(entries: readonly BatchEntry[], slotAt: (id: number) => Slot): Promise<readonly EntryResult[]> {
  const outcomes = await Promise.allSettled(entries.map(async (entry) => slotAt(entry.slot).run(entry)));
  // A pass that failed has failed for all that took part in it; what one entry alone could not sample is its own affair.
  const passed = outcomes.some((outcome) => outcome.status === "fulfilled" && outcome.value.kind !== "failed");
  return outcomes.map((outcome) => {
    if (outcome.status === "fulfilled") return outcome.value;
    if (!passed) throw outcome.reason;
    return { kind: "failed", message: `The entry could not be sampled: ${(outcome.reason as Error).message}` };
  });
}

function promptsOf(model: LlamaModel, vocabulary: Vocabulary): Prompts {
  const { bos, bosString, eosString, shouldPrependBosToken } = model.tokens;
  const tokenize = (text: string, specialTokens: boolean): Token[] => model.tokenize(text, specialTokens);
  const { pieces, encoding, specialTokens: special } = vocabulary;
  const cuts = findTextCuts(tokenize, { pieces, encoding, specialTexts: special.map(({ text }) => text) });
  return createPrompts({
    tokenizer: createTokenizer(tokenize, cuts),
    template: createChatTemplate({
      source: vocabulary.chatTemplate,
      hasChatMl: vocabulary.specialTokens.some(({ text }) => text === "<|im_start|>"),
      bosText: bosString ?? "",
      eosText: eosString ?? "",
    }),
    specialText: createSpecialText(vocabulary.specialTokens),
    bos,
    bosText: bosString ?? "",
    wantsBos: shouldPrependBosToken,
  });
}
