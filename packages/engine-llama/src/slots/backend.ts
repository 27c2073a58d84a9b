// Implements the Backend on a loaded model that generates. A step is one forward pass over the rows of several slots.
import { contextCapacity, freePieces, positionBehind } from "@waggle/engine";
import type {
  Backend,
  BackendInfo,
  BatchEntry,
  EntryResult,
  PictureEncoder,
  TextGenerator,
  Token,
} from "@waggle/engine";
import { createSpecialText } from "@waggle/chat-format/describe";
import type { LlamaModel } from "node-llama-cpp";
import type { Chat } from "../text/chat.ts";
import { gpuMemoryOf } from "./gpu-memory.ts";
import type { LlamaEmbedder } from "../embed/embedder.ts";
import type { BatchRow, Passes } from "../passes/passes.ts";
import { createPrompts, type Prompts, type ReadPicture } from "../text/prompt.ts";
import { checkSampling, type SamplingContext } from "../sampling/sampling.ts";
import { createKvSnapshots } from "./kv-snapshots.ts";
import { createMeasure } from "./measure.ts";
import { createSlot, type Slot } from "./slot.ts";
import type { KvFiles } from "./kv-files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Vocabulary } from "../text/vocabulary.ts";

export interface LlamaBackendParts extends Pick<
  TextGenerator,
  "oneMatrix" | "attentionTile" | "contextCosts" | "mostBehind"
> {
  readonly model: LlamaModel;
  readonly passes: Passes;
  readonly sampling: SamplingContext;
  readonly markOf: (token: Token) => string | undefined;
  readonly info: BackendInfo;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  /** Undefined if the library cannot embed with this model. */
  readonly embedder: LlamaEmbedder | undefined;
  readonly chat: Chat;
  /** Undefined if the model reads no pictures. */
  readonly pictures: { readonly encoder: PictureEncoder; readonly read: ReadPicture } | undefined;
  /** Files of KV snapshots; undefined if no snapshots are saved. */
  readonly states: KvFiles | undefined;
  /** Sets the scales of the context's adapters, for the next and later passes. Undefined: the scales at load. */
  readonly applyAdapters: (scales: readonly number[] | undefined) => void;
  /** Frees everything that was loaded. Idempotent. */
  readonly release: () => Promise<void>;
}

export function createLlamaBackend(parts: LlamaBackendParts): Backend {
  const { model, passes, sampling, markOf, info, embedder, chat, states, release } = parts;
  const { isEndOfGeneration, tokenBytes } = sampling;
  const prompts = promptsOf(parts);
  /** Current scales of the context's adapters; undefined for the scales at load. */
  let inUse: readonly number[] | undefined;
  const capacity = contextCapacity(info.contextSize);
  const slots = Array.from({ length: info.slots }, (_, id) => createSlot({ id, passes, sampling, capacity }));

  function slotAt(id: number): Slot {
    const slot = slots[id];
    if (slot === undefined) throw new Error(`There is no slot ${id}`);
    return slot;
  }

  /** Sets the adapters of the entries' jobs. All entries of a step have the same adapters. */
  function useAdapters([first]: readonly BatchEntry[]): void {
    const wanted = first === undefined ? undefined : slotAt(first.slot).adapters;
    if (wanted?.join() === inUse?.join()) return;
    parts.applyAdapters(wanted);
    inUse = wanted;
  }

  const generator: TextGenerator = {
    states: states === undefined ? undefined : createKvSnapshots(passes, states, capacity),
    takesDrafts: passes.takesDrafts,
    oneMatrix: parts.oneMatrix,
    attentionTile: parts.attentionTile,
    contextCosts: parts.contextCosts,
    mostBehind: parts.mostBehind,
    maxReads: maxReadsOf(sampling.vocabularySize),
    thoughtEnd: { text: chat.thoughtEnd, tokens: model.tokenize(chat.thoughtEnd, true) },
    tokenize: prompts.tokenize,
    answerTokenizer: prompts.answerTokenizer,
    endTokens: sampling.endTokens,
    renderMessages: prompts.renderMessages,
    pictures: parts.pictures?.encoder,
    checkSampling: (wanted, pieces = freePieces) => checkSampling(wanted, sampling, pieces),
    markOf,
    measure: createMeasure({
      passes,
      slots: info.slots,
      batchSize: info.batchSize,
      capacity,
      vocabularySize: sampling.vocabularySize,
    }),
    isEndOfGeneration,
    begin: async (slot, keep, wanted, held, output) => await slotAt(slot).begin(keep, wanted, held, output),
    async step(entries, underway) {
      useAdapters(entries);
      return await step(entries, slotAt, passes, underway);
    },
    end: async (slot) => await slotAt(slot).end(),
    cut: async (slot, keep, held) => await slotAt(slot).cut(keep, held),
    copy: copyOf(passes),
  };

  return {
    info,
    gpuMemory: gpuMemoryOf(model),
    generator,
    embedder,
    tokenizeText: prompts.tokenizeText,
    tokenBytes,
    setThreads(threads) {
      const most = Math.min(Math.max(1, threads), info.maxThreads);
      // The embedder has no other limit for its threads.
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

function copyOf({ copy }: Passes): TextGenerator["copy"] {
  if (copy === undefined) return undefined;
  return async (from, to, keep, { chunks }) => await copy(from, to, positionBehind(chunks, keep), keep);
}

/** Limit for the logits of reads in a step, because llama.cpp does not free the memory that it has allocated for logits. */
const maxLogitBytes = 64 * 1024 * 1024;
const bytesPerLogit = 4;
/** Limit for small vocabularies, because the message of a step contains all these logprobs. */
const mostReads = 128;

function maxReadsOf(vocabularySize: number): number {
  return Math.max(1, Math.min(mostReads, Math.floor(maxLogitBytes / (bytesPerLogit * vocabularySize))));
}

/** Computes a step. An entry that cannot be computed fails alone; if the pass fails, all entries fail. */
async function step(
  entries: readonly BatchEntry[],
  slotAt: (id: number) => Slot,
  passes: Passes,
  underway = (): void => {},
): Promise<readonly EntryResult[]> {
  const planned = entries.map((entry) => ({ entry, row: slotAt(entry.slot).rowFor(entry) }));
  const rows = planned.map(({ row }) => row).filter(isRow);
  const outputs = rows.length === 0 ? [] : await passes.run(rows, underway);
  let next = 0;
  const results = planned.map(({ entry, row }) => {
    return isRow(row) ? slotAt(entry.slot).resultOf(entry, outputs[next++] ?? []) : row;
  });
  const settled: EntryResult[] = [];
  // Await only promises: most results are not, and awaiting each would cost as much as the rest of this function.
  for (const result of results) settled.push(result instanceof Promise ? await result : result);
  for (const entry of entries) {
    if (entry.passing !== true && (entry.tokens.length > 1 || !entry.sample))
      await passes.checkpoint?.(entry.slot, entry.from + entry.tokens.length);
  }
  return settled;
}

function isRow(planned: BatchRow | EntryResult): planned is BatchRow {
  return !("kind" in planned);
}

function promptsOf({ model, info, vocabulary, tokenizer, chat, pictures }: LlamaBackendParts): Prompts {
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
    readPicture: pictures?.read,
  });
}
