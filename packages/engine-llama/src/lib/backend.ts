// Owns the Backend on a loaded model: the port's calls, handed to the slots. One step is one forward pass.
import type { Backend, BackendInfo, EntryResult, BatchEntry, Token } from "@waggle/engine";
import type { LlamaContext, LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import type { BatchDispatch } from "./batch-dispatch.ts";
import { priorityOfSlot } from "./batch-order.ts";
import type { Chat } from "./chat.ts";
import type { LlamaEmbedder } from "./embed.ts";
import { refuseField } from "./field-error.ts";
import { maxFollowersOf } from "./followers.ts";
import { createGrammars } from "./grammars.ts";
import { createPrompts, type Prompts } from "./prompt.ts";
import { checkSampling, type SamplingContext } from "./sampling.ts";
import { createSamplerGarbage } from "./sampler-garbage.ts";
import { shiftProblem } from "./shift-check.ts";
import { createSlotStates } from "./slot-states.ts";
import { createSlot, type Slot } from "./slot.ts";
import { createSpecialText } from "./special-text.ts";
import type { StateFolder } from "./state-folder.ts";
import { createTokenBytes } from "./token-bytes.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface LlamaBackendParts {
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly info: BackendInfo;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  /** Undefined where the model has no vectors to give. */
  readonly embedder: LlamaEmbedder | undefined;
  readonly chat: Chat;
  readonly dispatch: BatchDispatch;
  /** Where slots are saved; undefined: nowhere. */
  readonly states: StateFolder | undefined;
  /** Frees everything that was loaded; may be called again. */
  readonly release: () => Promise<void>;
}

export function createLlamaBackend(parts: LlamaBackendParts): Backend {
  const { model, context, info, vocabulary, embedder, chat, dispatch, states, release } = parts;
  const { llama } = model;
  const tokenBytes = createTokenBytes(vocabulary);
  const vocabularySize = vocabulary.pieces.length;
  const marks = marksOf(vocabulary, chat);
  const markOf = (token: Token): string | undefined => marks.get(token);
  const isEndOfGeneration = (token: Token): boolean => endsGeneration(model, token, markOf);
  const sampling: SamplingContext = {
    llama,
    model,
    grammars: createGrammars({ vocabularySize, tokenBytes, markOf, isEndOfGeneration }),
    vocabularySize,
    isEndOfGeneration,
    tokenBytes,
    end: model.tokens.eot ?? model.tokens.eos,
    contextSize: info.contextSize,
  };
  const prompts = promptsOf(parts);
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
    maxFollowers: maxFollowersOf(vocabularySize),
    checkSampling: (wanted) => checkSampling(wanted, sampling),
    checkShift() {
      const problem = shiftProblem(model.fileInfo, model.fileInsights);
      if (problem !== undefined) throw refuseField("context_shift", problem);
    },
    tokenBytes,
    markOf,
    thoughtEnd: { text: chat.thoughtEnd, tokens: model.tokenize(chat.thoughtEnd, true) },
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
      await chat.close();
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

/**
 * The library counts whatever ends a turn in any family. A marker of this one that llama.cpp has found to be no end, so that it has a text
 * (gpt-oss's `<|end|>`, which ends a thought), is none.
 */
function endsGeneration(model: LlamaModel, token: Token, markOf: (token: Token) => string | undefined): boolean {
  const id = token as LlamaToken;
  if (!model.isEogToken(id)) return false;
  return id === model.tokens.eos || markOf(token) === undefined || !model.getTokenAttributes(id).userDefined;
}

function marksOf({ pieces, specialTokens }: Vocabulary, { format: { marks } }: Chat): ReadonlyMap<Token, string> {
  const special = new Set(specialTokens.map(({ text }) => text));
  const byText = new Map(marks.filter(({ text }) => special.has(text)).map(({ text, mark }) => [text, mark]));
  const found = new Map<Token, string>();
  pieces.forEach((text, token) => {
    const mark = byText.get(text);
    if (mark !== undefined) found.set(token, mark);
  });
  return found;
}

function promptsOf({ model, info, vocabulary, tokenizer, chat }: LlamaBackendParts): Prompts {
  const { bos, bosString, shouldPrependBosToken } = model.tokens;
  return createPrompts({
    tokenizer,
    renderer: chat,
    format: chat.format,
    specialText: createSpecialText(vocabulary.specialTokens),
    bos,
    bosText: bosString ?? "",
    wantsBos: shouldPrependBosToken,
    infill: vocabulary.infill,
    contextSize: info.contextSize,
    vocabularySize: vocabulary.pieces.length,
  });
}
