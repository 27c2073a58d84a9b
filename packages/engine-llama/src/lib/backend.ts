// Owns the Backend on a loaded model: the port's calls, handed to the slots. One step is one forward pass.
import type { Backend, BackendInfo, EntryResult, BatchEntry, StepsAhead, Token } from "@waggle/engine";
import { createSpecialText } from "@waggle/model-chat";
import type { LlamaModel } from "node-llama-cpp";
import type { Chat } from "./chat.ts";
import { gpuMemoryOf } from "./gpu-memory.ts";
import type { LlamaEmbedder } from "./embed.ts";
import { refuseField } from "./field-error.ts";
import { maxFollowersOf } from "./followers.ts";
import type { PassesAhead, PassRow, Passes } from "./passes.ts";
import { createPrompts, type Prompts } from "./prompt.ts";
import { checkSampling, type SamplingContext } from "./sampling.ts";
import { shiftProblem } from "./shift-check.ts";
import { createSlotStates } from "./slot-states.ts";
import { createSlot, type Slot } from "./slot.ts";
import type { StateFolder } from "./state-folder.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface LlamaBackendParts {
  readonly model: LlamaModel;
  readonly passes: Passes;
  readonly sampling: SamplingContext;
  readonly markOf: (token: Token) => string | undefined;
  readonly info: BackendInfo;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  /** Undefined where the model has no vectors to give. */
  readonly embedder: LlamaEmbedder | undefined;
  readonly chat: Chat;
  /** Where slots are saved; undefined: nowhere. */
  readonly states: StateFolder | undefined;
  /** Sets the scales of the context's adapters, from the next pass on; undefined: those that it was made with. */
  readonly applyAdapters: (scales: readonly number[] | undefined) => void;
  /** Frees everything that was loaded; may be called again. */
  readonly release: () => Promise<void>;
}

export function createLlamaBackend(parts: LlamaBackendParts): Backend {
  const { model, passes, sampling, markOf, info, embedder, chat, states, release } = parts;
  const { isEndOfGeneration, tokenBytes } = sampling;
  const prompts = promptsOf(parts);
  /** The scales of the context's adapters; undefined: those that it was made with. */
  let inUse: readonly number[] | undefined;
  // The last token of a full context is sampled and never fed.
  const capacity = info.contextSize - 1;
  const slots = Array.from({ length: info.slots }, (_, id) => createSlot({ id, passes, sampling, capacity }));

  function slotAt(id: number): Slot {
    const slot = slots[id];
    if (slot === undefined) throw new Error(`There is no slot ${id}`);
    return slot;
  }

  /** Nothing computes between two steps, so now is the time. */
  function useAdapters([first]: readonly BatchEntry[]): void {
    const wanted = first === undefined ? undefined : slotAt(first.slot).adapters;
    if (wanted?.join() === inUse?.join()) return;
    parts.applyAdapters(wanted);
    inUse = wanted;
  }

  return {
    info,
    gpuMemory: gpuMemoryOf(model),
    states: states === undefined ? undefined : createSlotStates(slotAt, states, capacity),
    ...prompts,
    embedder,
    maxFollowers: maxFollowersOf(sampling.vocabularySize),
    checkSampling: (wanted) => checkSampling(wanted, sampling),
    checkShift() {
      const problem = shiftProblem(model.fileInfo, model.fileInsights, info.settings?.cache_type_k);
      if (problem !== undefined) throw refuseField("context_shift", problem);
    },
    tokenBytes,
    markOf,
    thoughtEnd: { text: chat.thoughtEnd, tokens: model.tokenize(chat.thoughtEnd, true) },
    isEndOfGeneration,
    begin: async (slot, keepTokens, wanted) => await slotAt(slot).begin(keepTokens, wanted),
    ahead: passes.ahead === undefined ? undefined : createStepsAhead(slotAt, passes.ahead),
    async step(entries, underway) {
      useAdapters(entries);
      return await step(entries, slotAt, passes, underway);
    },
    shift: async (slot, keepTokens, discardTokens) => await slotAt(slot).shift(keepTokens, discardTokens),
    end: async (slot) => await slotAt(slot).end(),
    setThreads(threads) {
      const most = Math.min(Math.max(1, threads), info.maxThreads);
      // What embeds asks the library.
      model.llama.maxThreads = most;
      passes.setThreads(most);
    },
    async dispose() {
      await passes.settled();
      await states?.settled();
      await embedder?.close();
      await chat.close();
      await release();
    },
  };
}

function createStepsAhead(slotAt: (id: number) => Slot, passes: PassesAhead): StepsAhead {
  /** Of the pass that was asked for last. */
  let asked: readonly Slot[] = [];
  return {
    step(ids) {
      const slots = ids.map(slotAt);
      if (!slots.every(({ goesAhead }) => goesAhead)) return undefined;
      asked = slots;
      const pass = passes.run(slots.map((slot) => slot.rowAhead())).then((answers) =>
        answers?.map((answer, i): EntryResult => {
          const slot = slots[i];
          if (slot === undefined) throw new Error("There are more answers than slots");
          // Nothing was left to look at: that is what made it go ahead.
          return slot.resultOf({ kind: "decode", slot: ids[i] ?? -1 }, [answer]) as EntryResult;
        }),
      );
      // Where the pass before it fails, that is what is told.
      pass.catch(() => {});
      return pass;
    },
    withdraw() {
      const isWithdrawn = passes.withdraw();
      if (isWithdrawn) for (const slot of asked) slot.withdrawAhead();
      return isWithdrawn;
    },
  };
}

/** What an entry cannot have computed is its own affair; a pass that fails has failed for all. */
async function step(
  entries: readonly BatchEntry[],
  slotAt: (id: number) => Slot,
  passes: Passes,
  underway = (): void => {},
): Promise<readonly EntryResult[]> {
  const planned = entries.map((entry) => ({ entry, row: slotAt(entry.slot).rowFor(entry) }));
  const rows = planned.map(({ row }) => row).filter(isRow);
  const answers = rows.length === 0 ? [] : await passes.run(rows, underway);
  let next = 0;
  const results = planned.map(({ entry, row }) => {
    return isRow(row) ? slotAt(entry.slot).resultOf(entry, answers[next++] ?? []) : row;
  });
  const settled: EntryResult[] = [];
  // Most are there at once: waiting for each would cost as much as all the rest here.
  for (const result of results) settled.push(result instanceof Promise ? await result : result);
  for (const { kind, slot } of entries) if (kind === "prefill") await passes.checkpoint?.(slot, slotAt(slot).held);
  return settled;
}

function isRow(planned: PassRow | EntryResult): planned is PassRow {
  return !("kind" in planned);
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
