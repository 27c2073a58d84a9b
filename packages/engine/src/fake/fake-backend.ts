// Implements the Backend port on the fake model, for tests and load tests. Calls that the port forbids are rejected.
import { genericFormat, thoughtEndOf, type ChatFormat } from "@waggle/chat-format/format";
import { WaggleError, refuseField, type LoadedSettings, type ModelKind } from "@waggle/protocol";
import { contextCapacity } from "../port/info.ts";
import type { Backend } from "../port/backend.ts";
import type { TextGenerator } from "../port/generator.ts";
import type { BackendInfo } from "../port/info.ts";
import type { Held, HeldEntry, KvSnapshots } from "../port/kv.ts";
import type { Picture, PictureChunk } from "../port/pictures.ts";
import type { BatchEntry, EntryResult, SlotSampling, Token } from "../port/steps.ts";
import type { TextPiece } from "../port/texts.ts";
import { entryTokens } from "../port/entries.ts";
import { freePieces } from "../port/pieces.ts";
import { createFakeEncoder, fakeChunkOf } from "./fake-encoder.ts";
import { createFakeEmbedder, fakeVectorWidth } from "./fake-embedder.ts";
import {
  fakeBeginOfText,
  fakeEndOfGeneration,
  fakeTokenBytes,
  fakeVocabularySize,
  isFakeEndOfGeneration,
  readFakePrompt,
  renderFake,
  tokenizeFakeText,
} from "./fake-model.ts";
import { createFakeSlots, feed, isExact, refusal, type FakeCell, type FakeSlot } from "./fake-slots.ts";
import { computeEntry } from "./fake-step.ts";

export interface FakeBackendOptions {
  readonly slots: number;
  readonly contextSize: number;
  /** Maximum number of tokens in all slots together, `slots * contextSize` by default. As in llama.cpp, whatever would exceed them is refused. */
  readonly contextPool?: number;
  /** Allows a slot to be copied. */
  readonly copies?: boolean;
  /** Maximum number of tokens in a step; 512 by default. */
  readonly batchSize?: number;
  /** Allows drafts; true by default. */
  readonly drafts?: boolean;
  /** Measures steps; absent by default. */
  readonly measure?: TextGenerator["measure"];
  /** How long a step takes; by default one turn of the event loop. */
  readonly stepDelayMs?: number;
  /** Each step waits for this promise. */
  readonly gate?: () => Promise<void>;
  /** Each piece of a text to embed waits for this promise; a rejection fails the piece. */
  readonly embedGate?: (piece: TextPiece) => Promise<void>;
  /** "generate" by default. */
  readonly kind?: ModelKind;
  /** The generic format by default. */
  readonly chatFormat?: ChatFormat;
  /** The step with this number, counted from 1, rejects. */
  readonly failAtStep?: number | undefined;
  /** Reads pictures: of any bytes, except those that begin with `broken`. False by default. */
  readonly readsPictures?: boolean;
  /** Each picture of a prompt is a piece of its preparation, which waits for this promise. */
  readonly pictureGate?: (picture: Picture) => Promise<void>;
  /** Each encoding of a picture waits for this promise. */
  readonly encodeGate?: (chunk: PictureChunk) => Promise<void>;
  /** Number of threads at the start, and the maximum; 1 by default. */
  readonly threads?: number;
  /** The scales of the adapters at load; no adapters by default. */
  readonly adapters?: readonly number[];
  /** Ends the process at the marker `[die:N]`; by default the marker has no effect. */
  readonly die?: () => void;
  /** The store of KV snapshots; with a store that another backend has used, the engine seems to have restarted. */
  readonly saved?: FakeSaved;
}

/** A store of KV snapshots that outlives fake backends: `createFakeKvSnapshots` of the tests. */
export interface FakeSaved {
  /**
   * Makes the port's object for one backend.
   * @param slotAt throws when the slot must not be touched now
   * @param checkPool throws when the slots cannot hold this many more tokens
   */
  attach(slotAt: (id: number) => FakeSlot, checkPool?: (action: string, added: number) => void): KvSnapshots;
}

export interface FakeBackend extends Backend {
  /** Number of steps that have begun. */
  readonly steps: number;
  /** Number of steps that have ended, whether or not their results were delivered. */
  readonly stepsEnded: number;
  /** Returns the tokens that the slot's KV cache really holds. */
  heldTokens(slot: number): readonly Token[];
  /** Returns the tokens and the cells of pictures that the slot's KV cache really holds. */
  heldEntries(slot: number): readonly HeldEntry[];
  /** Number of chunks of pictures that were encoded. */
  readonly encoded: number;
}

export function createFakeBackend(options: FakeBackendOptions): FakeBackend {
  const info = fakeInfo(options);
  const slots = createFakeSlots(info);
  const { at: slotAt, checkPool } = slots;
  let steps = 0;
  let stepsEnded = 0;

  async function pause(): Promise<void> {
    if (steps === options.failAtStep) throw new Error(`Fake backend failed at step ${steps}, as requested`);
    await options.gate?.();
    const { stepDelayMs: ms = 0 } = options;
    await new Promise<void>((resolve) => void (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));
  }

  async function run(entries: readonly BatchEntry[], underway?: () => void): Promise<readonly EntryResult[]> {
    slots.checkStep(entries, options.drafts);
    steps += 1;
    await slots
      .whileBusy(() => {
        underway?.();
        return pause();
      })
      .finally(() => (stepsEnded += 1));
    return entries.map((entry) => computeEntry(slotAt(entry.slot, "step"), entry, options.die));
  }

  const encoder =
    options.readsPictures === true
      ? createFakeEncoder({
          gate: options.encodeGate,
          async compute({ slot: id, chunk, first, count, from }) {
            const slot = slotAt(id, "feed");
            const { cells, job } = slot;
            if (job === undefined || job.sampler !== undefined) throw refusal("feed", `slot ${id} reads no prompt`);
            const position = cells[cells.length - first - 1]?.end ?? 0;
            if (from !== position) throw refusal("feed", `the chunk begins at position ${position} and not ${from}`);
            if (count > info.batchSize) throw refusal("feed", `${count} cells exceed the batch of ${info.batchSize}`);
            if (!chunk.causal && count < chunk.cells) throw refusal("feed", "the chunk cannot be divided");
            checkPool("feed", count);
            await slots.whileBusy(pause);
            for (let index = first; index < first + count; index += 1) {
              feed(cells, chunk.entry, job.adapters, index === 0 ? chunk.positions : 0);
            }
          },
        })
      : undefined;

  const generator: TextGenerator = {
    states: options.saved?.attach((id) => slotAt(id, "save or load"), checkPool),
    takesDrafts: options.drafts ?? true,
    oneMatrix: false,
    attentionTile: 64,
    measure: options.measure,
    maxReads: info.batchSize,
    thoughtEnd: { text: thoughtEndOf(genericFormat), tokens: tokenizeFakeText(thoughtEndOf(genericFormat)) },
    async tokenize(input, pictures = [], pieces = freePieces) {
      for (const each of pictures) await pieces.run("picture", async () => await options.pictureGate?.(each));
      const prompt = readFakePrompt(input, pictures, readPicture);
      return { ...prompt, ...(input.kind === "messages" ? { start: { said: "" } } : {}) };
    },
    answerTokenizer:
      (pictures = []) =>
      async (input, answers) => {
        const prompt = readFakePrompt(input, pictures, readPicture);
        return { prompt, rests: answers.map((answer) => tokenizeFakeText(answer)) };
      },
    endTokens: [fakeEndOfGeneration],
    pictures: encoder,
    renderMessages: async (input) => renderFake(input),
    checkSampling,
    // The markers of the fake's chat format are ordinary text.
    markOf: () => undefined,
    isEndOfGeneration: isFakeEndOfGeneration,

    async begin(id, keep, sampling, held, output) {
      const slot = slotAt(id, "begin");
      const { cells } = slot;
      if (slot.job !== undefined) throw refusal("begin", `slot ${id} has a job`);
      // After a failure, the engine knows nothing of the contents and keeps none.
      if (keep > held.entries.length || (held.entries.length > 0 && !isExact(held, cells))) {
        throw refusal("begin", `slot ${id} holds ${cells.length} other tokens, and cannot keep ${keep}`);
      }
      cells.length = keep;
      await checkSampling(sampling);
      const isUsual = sampling.adapters?.every((scale, i) => scale === options.adapters?.[i]) ?? true;
      slot.job = {
        sampling,
        adapters: isUsual ? undefined : sampling.adapters,
        held,
        output,
        sampler: undefined,
        last: undefined,
      };
      return keep;
    },

    step: run,

    async end(id) {
      const slot = slotAt(id, "end");
      if (slot.job === undefined) throw refusal("end", `slot ${id} has no job`);
      const { length } = slot.job.held.entries;
      if (length > slot.cells.length) throw refusal("end", `slot ${id} holds ${slot.cells.length} tokens`);
      slot.job = undefined;
      slot.cells.length = length;
    },

    async cut(id, keep, held) {
      const { cells, job } = slotAt(id, "cut");
      if (job !== undefined) throw refusal("cut", `slot ${id} has a job`);
      if (keep > 0 && !isExact(held, cells)) throw refusal("cut", `slot ${id} holds ${cells.length} other tokens`);
      cells.length = keep;
      return keep;
    },

    copy: options.copies === true ? copy : undefined,
  };

  /** @throws WaggleError invalid_argument */
  function readPicture(picture: Picture, index: number): PictureChunk {
    if (encoder === undefined) throw new WaggleError("invalid_argument", "Cannot read pictures: the model cannot see.");
    return fakeChunkOf(picture, index);
  }

  async function copy(from: number, to: number, keep: number, held: Held): Promise<void> {
    const source = slotAt(from, "copy");
    const target = slotAt(to, "copy");
    if (target.job !== undefined || from === to) throw refusal("copy", `slot ${to} has a job`);
    if (!isExact(held, source.cells)) throw refusal("copy", `slot ${from} holds ${source.cells.length} other tokens`);
    if (keep > source.cells.length) throw refusal("copy", `slot ${from} holds ${source.cells.length} tokens`);
    checkPool("copy", source.cells.length - target.cells.length);
    target.cells.splice(0, Infinity, ...source.cells.slice(0, keep));
  }

  return {
    info,
    generator: info.kind === "generate" ? generator : undefined,
    embedder: createFakeEmbedder({
      maxTokens: contextCapacity(info.contextSize),
      maxPieceTokens: info.batchSize,
      ranks: info.kind === "rerank",
      async pause(piece) {
        if (slots.busy) throw refusal("embed", "a step is running");
        await options.embedGate?.(piece);
        await new Promise<void>((resolve) => setImmediate(resolve));
      },
    }),
    tokenizeText: async (text, addSpecial) => [...(addSpecial ? [fakeBeginOfText] : []), ...tokenizeFakeText(text)],
    tokenBytes: (token) => (token < fakeVocabularySize ? fakeTokenBytes(token) : new Uint8Array()),
    get steps() {
      return steps;
    },
    get stepsEnded() {
      return stepsEnded;
    },
    heldTokens: (id) => entryTokens(entriesOf(slots.all[id]?.cells ?? [])),
    heldEntries: (id) => entriesOf(slots.all[id]?.cells ?? []),
    get encoded() {
      return encoder?.encoded ?? 0;
    },

    setThreads(threads) {
      if (threads < 1 || threads > info.maxThreads) throw refusal("set threads", `${threads} is out of range`);
    },

    dispose: async () => slots.dispose(),
  };
}

function fakeInfo(options: FakeBackendOptions): BackendInfo {
  const { slots, contextSize, batchSize = 512, threads = 1, kind = "generate", chatFormat = genericFormat } = options;
  const { adapters, contextPool = slots * contextSize, readsPictures = false } = options;
  return {
    backend: "fake",
    kind,
    ...(kind === "rerank" ? {} : { embeddingSize: fakeVectorWidth }),
    modelName: "waggle-fake",
    contextSize,
    contextPool,
    trainedContextSize: contextSize,
    slots,
    batchSize,
    parameters: 0,
    modelBytes: 0,
    device: "fake",
    threads,
    maxThreads: threads,
    build: "fake",
    ...(adapters === undefined ? {} : { settings: fakeSettings(batchSize, adapters) }),
    chatFormat,
    infill: true,
    ...(readsPictures ? { projector: { projector: "fake", bytes: 0, maxPixels: 2 ** 22 } } : {}),
    promptTexts: { chatTemplate: "", bos: "", eos: "</s>" },
  };
}

function fakeSettings(batchSize: number, adapters: readonly number[]): LoadedSettings {
  return {
    batch_size: batchSize,
    cache_type_k: "f16",
    cache_type_v: "f16",
    flash_attention: false,
    gpu_layers: 0,
    mmap: false,
    mlock: false,
    lora: adapters.map((scale, id) => ({ id, file: `fake-${id}.gguf`, scale })),
  };
}

function entriesOf(cells: readonly FakeCell[]): HeldEntry[] {
  return cells.map(({ entry }) => entry);
}

/** Refuses a grammar without a root, and a bias on a token that does not exist. */
async function checkSampling(sampling: SlotSampling): Promise<void> {
  const grammar = sampling.answer?.grammar ?? sampling.grammar;
  if (grammar !== undefined && !/^\s*root\s*::=/m.test(grammar)) {
    throw refuseField("grammar", "it has no rule named root");
  }
  const unknown = Object.keys(sampling.logit_bias ?? {}).find((token) => Number(token) >= fakeVocabularySize);
  if (unknown !== undefined) {
    throw refuseField("logit_bias", `the model has no token ${unknown}`);
  }
}
