// Implements the Backend port on the fake model, for tests and load tests. Calls that the port forbids are rejected.
import { deferred } from "@waggle/async";
import { genericFormat, thoughtEndOf, type ChatFormat } from "@waggle/chat-format/format";
import { WaggleError, type LoadedSettings, type ModelKind } from "@waggle/protocol";
import { contextCapacity } from "../port/info.ts";
import type { Backend } from "../port/backend.ts";
import type { TextGenerator } from "../port/generator.ts";
import type { BackendInfo } from "../port/info.ts";
import type { Held, HeldEntry } from "../port/kv.ts";
import type { Picture, PictureChunk } from "../port/pictures.ts";
import type { BatchEntry, EntryResult, PriorTokens, SlotSampling, Token, TokenLogprobs } from "../port/steps.ts";
import type { TextPiece } from "../port/texts.ts";
import { tokensOf } from "../port/entries.ts";
import { freePieces } from "../port/pieces.ts";
import { createFakeEncoder, fakeChunkOf } from "./fake-encoder.ts";
import { createFakeEmbedder, fakeVectorWidth } from "./fake-embedder.ts";
import {
  createFakeSampler,
  emptyContext,
  extendContext,
  fakeLogprobs,
  fakeBeginOfText,
  fakeTokenBytes,
  fakeVocabularySize,
  isFakeEndOfGeneration,
  likelyFakeToken,
  renderFake,
  readFakePrompt,
  tokenizeFakeText,
  type FakeSampler,
} from "./fake-model.ts";
import type { FakeKvSnapshots } from "./fake-kv-snapshots.ts";

export interface FakeBackendOptions {
  readonly slots: number;
  readonly contextSize: number;
  /** Most tokens in all slots together, `slots * contextSize` by default. As in llama.cpp, whatever would exceed them is refused. */
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
  /** The step with this number, counted from 1, ends only when the backend is disposed of. */
  readonly hangAtStep?: number | undefined;
  /** Reads pictures: of any bytes, except those that begin with `broken`. False by default. */
  readonly vision?: boolean;
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
  readonly saved?: FakeKvSnapshots;
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

export interface FakeSlot {
  /** The memory of the KV cache. */
  readonly cells: FakeCell[];
  job: FakeJob | undefined;
}

export interface FakeCell {
  readonly entry: HeldEntry;
  /** The hash of the context after this entry. */
  readonly hash: number;
  /** The position behind this entry. */
  readonly end: number;
}

interface FakeJob {
  readonly sampling: SlotSampling;
  /** The job's scales of adapters; undefined where they equal the scales at load. */
  readonly adapters: readonly number[] | undefined;
  readonly held: Held;
  readonly prior: PriorTokens | undefined;
  /** Undefined while the job prefills. */
  sampler: FakeSampler | undefined;
  /** The token sampled last. */
  last: Token | undefined;
}

export function createFakeBackend(options: FakeBackendOptions): FakeBackend {
  const info = fakeInfo(options);
  const slots = Array.from({ length: options.slots }, (): FakeSlot => ({ cells: [], job: undefined }));
  const disposal = deferred<void>();
  let steps = 0;
  let stepping = false;
  let stepsEnded = 0;

  function slotAt(id: number, action: string): FakeSlot {
    const slot = slots[id];
    if (slot === undefined) throw refusal(action, `there is no slot ${id}`);
    if (disposal.settled) throw refusal(action, "the backend is gone");
    if (stepping) throw refusal(action, "a step is running");
    return slot;
  }

  /** @param added tokens that a slot gets in addition */
  function checkPool(action: string, added: number): void {
    const cells = slots.reduce((sum, slot) => sum + slot.cells.length, added);
    if (cells > info.contextPool)
      throw refusal(action, `${cells} tokens exceed the context pool of ${info.contextPool}`);
  }

  function checkEntries(entries: readonly BatchEntry[]): void {
    if (entries.length === 0) throw refusal("step", "there are no entries");
    const tokens = entries.reduce((sum, entry) => sum + lengthOf(entry), 0);
    if (tokens > info.batchSize) throw refusal("step", `${tokens} tokens exceed the batch of ${info.batchSize}`);
    checkPool("step", tokens);
    const stepped = new Set<number>();
    const adapters = new Set(entries.map(({ slot }) => slots[slot]?.job?.adapters?.join(",")));
    if (adapters.size > 1) throw refusal("step", "its slots have different adapters");
    for (const entry of entries) {
      if (stepped.has(entry.slot)) throw refusal("step", `slot ${entry.slot} has two entries`);
      stepped.add(entry.slot);
      checkEntry(entry, slotAt(entry.slot, "step"));
    }
  }

  function checkEntry(entry: BatchEntry, slot: FakeSlot): void {
    const { cells, job } = slot;
    if (job === undefined) throw refusal("step", `slot ${entry.slot} has no job`);
    const position = cells.at(-1)?.end ?? 0;
    if (entry.from !== position)
      throw refusal("step", `slot ${entry.slot} ends at position ${position} and not ${entry.from}`);
    const { last } = job;
    if (last !== undefined && (!entry.sample || entry.tokens.length !== 1 || entry.tokens[0] !== last))
      throw refusal("step", `slot ${entry.slot} continues with token ${last}, and not ${entry.tokens.join()}`);
    if (entry.tokens.length === 0) throw refusal("step", `the entry of slot ${entry.slot} is empty`);
    if (entry.nextTokens !== undefined && job.sampling.topLogprobs === undefined)
      throw refusal("step", `slot ${entry.slot} has no logprobs to give`);
    if (entry.drafts !== undefined) checkDrafts(entry, last);
    const length = cells.length + lengthOf(entry);
    if (length > contextCapacity(info.contextSize))
      throw refusal("step", `slot ${entry.slot} would hold ${length} tokens`);
  }

  function checkDrafts({ slot, forced }: BatchEntry, last: Token | undefined): void {
    if (options.drafts === false) throw refusal("step", `slot ${slot} takes no drafts`);
    if (last === undefined) throw refusal("step", `slot ${slot} has drafts behind a prompt`);
    if (forced !== undefined) throw refusal("step", `slot ${slot} has drafts behind a forced token`);
  }

  async function pause(): Promise<void> {
    if (steps === options.failAtStep) throw new Error(`Fake backend failed at step ${steps}, as requested`);
    if (steps === options.hangAtStep) {
      await disposal.promise;
      throw refusal("step", "the backend is gone");
    }
    if (options.gate !== undefined) await options.gate();
    await new Promise<void>((resolve) => {
      if (options.stepDelayMs === undefined || options.stepDelayMs === 0) setImmediate(resolve);
      else setTimeout(resolve, options.stepDelayMs);
    });
  }

  async function run(entries: readonly BatchEntry[], underway?: () => void): Promise<readonly EntryResult[]> {
    checkEntries(entries);
    steps += 1;
    stepping = true;
    underway?.();
    try {
      await pause();
    } finally {
      stepping = false;
      stepsEnded += 1;
    }
    return entries.map((entry) => compute(slotAt(entry.slot, "step"), entry, options.die));
  }

  const encoder =
    options.vision === true
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
            stepping = true;
            try {
              await pause();
            } finally {
              stepping = false;
            }
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
    maxNextLogprobs: info.batchSize,
    thoughtEnd: { text: thoughtEndOf(genericFormat), tokens: tokenizeFakeText(thoughtEndOf(genericFormat)) },
    async tokenize(input, pictures = [], pieces = freePieces) {
      for (const each of pictures) await pieces.run("picture", async () => await options.pictureGate?.(each));
      const prompt = readFakePrompt(input, pictures, readPicture);
      return { ...prompt, ...(input.kind === "messages" ? { start: { said: "" } } : {}) };
    },
    pictures: encoder,
    renderMessages: async (input) => renderFake(input),
    checkSampling,
    checkShift: () => undefined,
    // The markers of the fake's chat format are ordinary text.
    markOf: () => undefined,
    isEndOfGeneration: isFakeEndOfGeneration,

    async begin(id, keep, sampling, held, prior) {
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
        prior,
        sampler: undefined,
        last: undefined,
      };
      return keep;
    },

    step: run,

    async shift(id, keep, discard) {
      const { cells, job } = slotAt(id, "shift");
      if (job?.sampler === undefined) throw refusal("shift", `slot ${id} does not decode`);
      if (keep < 1 || discard < 1 || keep + discard > cells.length) {
        throw refusal("shift", `slot ${id} holds ${cells.length} tokens`);
      }
      // As in a real cache, the remaining hashes still depend on the discarded tokens. So a job that reuses these hashes gets another text.
      cells.splice(keep, discard);
      for (const [at, cell] of cells.entries()) cells[at] = { ...cell, end: at + 1 };
    },

    async end(id, keep) {
      const slot = slotAt(id, "end");
      if (slot.job === undefined) throw refusal("end", `slot ${id} has no job`);
      if (keep > slot.cells.length) throw refusal("end", `slot ${id} holds ${slot.cells.length} tokens`);
      slot.job = undefined;
      slot.cells.length = keep;
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
        if (stepping) throw refusal("embed", "a step is running");
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
    heldTokens: (id) => tokensOf(entriesOf(slots[id]?.cells ?? [])),
    heldEntries: (id) => entriesOf(slots[id]?.cells ?? []),
    get encoded() {
      return encoder?.encoded ?? 0;
    },

    setThreads(threads) {
      if (threads < 1 || threads > info.maxThreads) throw refusal("set threads", `${threads} is out of range`);
    },

    async dispose() {
      disposal.resolve();
    },
  };
}

function fakeInfo(options: FakeBackendOptions): BackendInfo {
  const { slots, contextSize, batchSize = 512, threads = 1, kind = "generate", chatFormat = genericFormat } = options;
  const { adapters, contextPool = slots * contextSize, vision = false } = options;
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
    ...(vision ? { vision: { projector: "fake", bytes: 0, maxPixels: 2 ** 22 } } : {}),
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

/** Whether the cells hold exactly these tokens. */
export function isExact({ entries }: Held, cells: readonly FakeCell[]): boolean {
  return entries.length === cells.length && cells.every(({ entry }, i) => entries[i] === entry);
}

function entriesOf(cells: readonly FakeCell[]): HeldEntry[] {
  return cells.map(({ entry }) => entry);
}

/** Refuses a grammar without a root, and a bias on a token that does not exist. */
async function checkSampling(sampling: SlotSampling): Promise<void> {
  const grammar = sampling.answer?.grammar ?? sampling.grammar;
  if (grammar !== undefined && !/^\s*root\s*::=/m.test(grammar)) {
    throw new WaggleError("invalid_argument", 'Cannot accept field "grammar": it has no rule named root.');
  }
  const unknown = Object.keys(sampling.logit_bias ?? {}).find((token) => Number(token) >= fakeVocabularySize);
  if (unknown !== undefined) {
    throw new WaggleError("invalid_argument", `Cannot accept field "logit_bias": the model has no token ${unknown}.`);
  }
}

function compute({ cells, job }: FakeSlot, entry: BatchEntry, die: (() => void) | undefined): EntryResult {
  if (job === undefined) throw refusal("sample", "no job is bound");
  const nextLogprobs: TokenLogprobs[] = [];
  entry.tokens.forEach((token, i) => {
    feed(cells, token, job.adapters);
    const next = entry.nextTokens?.[i];
    if (next !== undefined) nextLogprobs.push(nextLogprobsOf(cells, next, job.sampling));
  });
  const scored = entry.nextTokens === undefined ? {} : { nextLogprobs };
  if (!entry.sample) return { kind: "none", ...scored };
  const sampled = sampleNext(cells, job, die);
  const token = entry.forced ?? sampled;
  if (token === undefined) return { kind: "failed", message: "The entry failed, as the prompt requested." };
  const result = { kind: "token", ...withLogprobs(token, job), ...scored } as const;
  job.last = token;
  if (entry.drafts === undefined) return result;

  const behind: SampledToken[] = [];
  for (const draft of entry.drafts) {
    if (draft !== job.last || isFakeEndOfGeneration(draft)) break;
    feed(cells, draft, job.adapters);
    const next = sampleNext(cells, job, die);
    if (next === undefined) {
      cells.pop();
      break;
    }
    behind.push(withLogprobs(next, job));
    job.last = next;
  }
  return { ...result, behind };
}

function sampleNext(cells: readonly FakeCell[], job: FakeJob, die: (() => void) | undefined): Token | undefined {
  job.sampler ??= samplerOf(cells, job);
  if (job.sampler.dies) die?.();
  return job.sampler.next(cells.at(-1)?.hash ?? emptyContext);
}

interface SampledToken {
  readonly token: Token;
  readonly logprobs?: TokenLogprobs;
}

function withLogprobs(token: Token, { sampling: { topLogprobs } }: FakeJob): SampledToken {
  return topLogprobs === undefined ? { token } : { token, logprobs: fakeLogprobs(token, topLogprobs) };
}

/** Creates the job's sampler, and replays the earlier output of a resumed job: the sampler counts tokens, and a character may span several. */
function samplerOf(cells: readonly FakeCell[], { held, sampling, prior }: FakeJob): FakeSampler {
  const ids = prior?.ids ?? [];
  const left = Math.max(0, held.entries.length - ids.length);
  const sampler = createFakeSampler(tokensOf(held.entries.slice(0, left)), sampling);
  ids.forEach((_, i) => sampler.next(cells[left + i - 1]?.hash ?? emptyContext));
  return sampler;
}

/** The fake model gives nearly all the probability to the token that it would sample, and a low probability to each other token. */
function nextLogprobsOf(cells: readonly FakeCell[], next: Token, { topLogprobs = 0 }: SlotSampling): TokenLogprobs {
  const likely = likelyFakeToken(cells.at(-1)?.hash ?? emptyContext);
  const { logprob, top } = fakeLogprobs(likely, topLogprobs);
  return { logprob: next === likely ? logprob : -20, top };
}

/** Number of tokens that the entry feeds. */
function lengthOf({ tokens, drafts = [] }: BatchEntry): number {
  return tokens.length + drafts.length;
}

function feed(cells: FakeCell[], entry: HeldEntry, adapters: readonly number[] | undefined, positions = 1): void {
  const before = cells.at(-1)?.hash ?? emptyContext;
  // An adapter changes all following tokens.
  const changed = adapters?.reduce((hash, scale) => extendContext(hash, scale * 1_024), before);
  const end = (cells.at(-1)?.end ?? 0) + positions;
  cells.push({ entry, end, hash: extendContext(changed ?? before, entry) });
}

function refusal(action: string, reason: string): Error {
  return new Error(`Cannot ${action} on the fake backend: ${reason}`);
}
