// Owns one slot: a sequence that lives as long as the context, and the sampler of the job in it. It knows nothing of its neighbours.
import type { EntryResult, SlotSampling, BatchEntry, Token, TokenLogprobs } from "@waggle/engine";
import type {
  EvaluationPriority,
  LlamaContextSequence,
  SequenceEvaluateOptions,
  Token as LlamaToken,
} from "node-llama-cpp";
import { AmbiguityError } from "./grammar-matcher.ts";
import type { GrammarRun } from "./grammar-run.ts";
import { generateFromLogits } from "./logit-generation.ts";
import { createPenaltyWindow, type PenaltyWindow } from "./penalty-window.ts";
import type { SamplerGarbage } from "./sampler-garbage.ts";
import { evaluateOptions, hasRepeatPenalty, type SamplingContext } from "./sampling.ts";

export interface SlotOptions {
  readonly id: number;
  readonly sequence: LlamaContextSequence;
  readonly sampling: SamplingContext;
  /** Hears of each sampler of the library that this slot is done with. */
  readonly samplers: SamplerGarbage;
  /** Most tokens that the slot's cache may hold. */
  readonly capacity: number;
  /** Where this slot's entry stands in a batch; entries go in descending order of it. */
  readonly priority: EvaluationPriority;
}

export interface Slot {
  begin(keepTokens: number, sampling: SlotSampling): Promise<void>;
  /** Rejects when the forward pass failed; what concerns this entry alone is a `failed` result. */
  run(entry: BatchEntry): Promise<EntryResult>;
  shift(keepTokens: number, discardTokens: number): Promise<void>;
  end(): Promise<void>;
  /** Writes what the slot holds to this file; returns its bytes. */
  save(path: string): Promise<number>;
  /**
   * Replaces what the slot holds with this file, which must be this model's. False when the file does not begin with
   * these tokens, or the library refuses it.
   */
  load(path: string, tokens: readonly Token[]): Promise<boolean>;
  /** Forgets everything that the slot holds. */
  clear(): Promise<void>;
}

/** What the library's generation and ours have in common. */
interface Generation {
  next(): Promise<IteratorResult<{ readonly token: LlamaToken; readonly logprobs?: TokenLogprobs }, void>>;
  return(): Promise<unknown>;
}

interface Work {
  readonly sampling: SlotSampling;
  readonly options: SequenceEvaluateOptions;
  readonly window: PenaltyWindow | undefined;
  readonly grammar: GrammarRun | undefined;
  /** Present once the prompt is computed. Each `next()` feeds the token sampled last and samples another. */
  generation: Generation | undefined;
  /** How many of the first tokens held no shift has moved. */
  unshifted: number;
}

/** What the library says when it found no token to sample: the pass itself was good. */
const nothingToSample = "Failed to sample next token";

export function createSlot(options: SlotOptions): Slot {
  const { id, sequence, sampling: context, samplers, capacity, priority } = options;
  let work: Work | undefined;

  function currentWork(): Work {
    if (work === undefined) throw new Error(`Cannot step slot ${id}: no work has begun in it`);
    return work;
  }

  async function erase(start: number, end: number): Promise<void> {
    await sequence.eraseContextTokenRanges([{ start, end }]);
  }

  function hasRoom(tokens: number): boolean {
    return sequence.nextTokenIndex + tokens <= capacity;
  }

  async function prefill(tokens: LlamaToken[], sample: boolean): Promise<EntryResult> {
    const { window } = currentWork();
    if (tokens.length === 0) throw new Error(`Cannot prefill slot ${id}: the entry has no tokens`);
    if (!hasRoom(tokens.length)) return full();
    window?.push(tokens);
    if (sample) return await sampleNext(generate(tokens));
    await sequence.evaluateWithoutGeneratingNewTokens(tokens, { evaluationPriority: priority, contextShift: noShift });
    return { kind: "none" };
  }

  async function decode(): Promise<EntryResult> {
    const { generation } = currentWork();
    if (generation === undefined) throw new Error(`Cannot decode in slot ${id}: it has sampled no token`);
    return hasRoom(1) ? await sampleNext(generation) : full();
  }

  function generate(tokens: LlamaToken[]): Generation {
    const { sampling, options, window, grammar } = currentWork();
    if (sampling.topLogprobs === undefined && grammar === undefined) {
      const generation = sequence.evaluateWithMetadata(tokens, {}, options);
      return {
        next: () => generation.next(),
        async return() {
          await generation.return();
          samplers.add();
        },
      };
    }
    return generateFromLogits({
      sequence,
      tokens,
      sampling,
      recent: () => window?.tokens ?? [],
      grammar,
      banned: (token) => sampling.ignore_eos && context.model.isEogToken(token as LlamaToken),
      evaluation: { evaluationPriority: priority, contextShift: noShift },
      onEvaluated: () => samplers.add(),
    });
  }

  async function sampleNext(generation: Generation): Promise<EntryResult> {
    const current = currentWork();
    current.generation = generation;
    try {
      const { value } = await generation.next();
      if (value === undefined) return nothingAllowed;
      current.window?.push([value.token]);
      return { kind: "token", ...value };
    } catch (error) {
      if (error instanceof AmbiguityError) {
        return { kind: "failed", code: "invalid_argument", message: `The grammar ${error.message}` };
      }
      if ((error as Error).message !== nothingToSample) throw error;
      return nothingAllowed;
    }
  }

  function full(): EntryResult {
    return { kind: "failed", message: `The context of ${capacity + 1} tokens is full` };
  }

  return {
    async begin(keepTokens, sampling) {
      const held = sequence.nextTokenIndex;
      if (keepTokens > held) throw new Error(`Cannot keep ${keepTokens} tokens in slot ${id}: it holds ${held}`);
      await erase(keepTokens, held);
      const window = hasRepeatPenalty(sampling) ? createPenaltyWindow(sampling.repeat_last_n) : undefined;
      window?.push(sequence.contextTokens);
      const options = await evaluateOptions(sampling, window, context);
      const grammar = sampling.grammar === undefined ? undefined : await context.grammars.begin(sampling.grammar);
      work = {
        sampling,
        options: { ...options, evaluationPriority: priority, contextShift: noShift },
        window,
        grammar,
        generation: undefined,
        unshifted: Infinity,
      };
    },

    run: (entry) => (entry.kind === "decode" ? decode() : prefill(asLlamaTokens(entry.tokens), entry.sample)),

    async shift(keepTokens, discardTokens) {
      const current = currentWork();
      const [held, end] = [sequence.nextTokenIndex, keepTokens + discardTokens];
      // Without a first token the library would compute all the others again, and in one piece.
      if (keepTokens < 1 || discardTokens < 1 || end > held) {
        throw new Error(`Cannot forget tokens ${keepTokens} to ${end} in slot ${id}: it holds ${held}`);
      }
      await erase(keepTokens, end);
      current.unshifted = Math.min(current.unshifted, keepTokens);
    },

    async end() {
      // The token sampled last was never fed: the library feeds it when it is asked for the next one.
      await work?.generation?.return();
      if (work !== undefined && work.unshifted < sequence.nextTokenIndex) {
        await erase(work.unshifted, sequence.nextTokenIndex);
      }
      work = undefined;
    },

    async save(path) {
      const { fileSize } = await sequence.saveStateToFile(path);
      return fileSize;
    },

    async load(path, tokens) {
      if (work !== undefined) throw new Error(`Cannot load a state into slot ${id}: a job works in it`);
      try {
        // The file's name says which model it is of.
        await sequence.loadStateFromFile(path, { acceptRisk: true });
      } catch {
        return false;
      }
      const held = sequence.contextTokens;
      return held.length <= capacity && tokens.every((token, i) => held[i] === token);
    },

    clear: async () => await erase(0, sequence.nextTokenIndex),
  };
}

/** What the request leaves to the model is nothing: a grammar that leads nowhere, a bias on everything. */
const nothingAllowed: EntryResult = {
  kind: "failed",
  code: "invalid_argument",
  message: "The model gave no token that the request allows",
};

/** A full context is an error that was not caught in time; silently forgetting the beginning would be worse. */
const noShift = {
  strategy: (): never => {
    throw new Error("The context is full");
  },
};

/** The library brands its tokens; ours are the same numbers. */
function asLlamaTokens(tokens: readonly Token[]): LlamaToken[] {
  return tokens as LlamaToken[];
}
