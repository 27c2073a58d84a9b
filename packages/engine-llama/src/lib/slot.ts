// Owns one slot: a sequence that lives as long as the context, and the sampler of the job in it. It knows nothing of its neighbours.
import type { EntryResult, SlotSampling, BatchEntry, Token, TokenLogprobs } from "@waggle/engine";
import type {
  EvaluationPriority,
  LlamaContextSequence,
  SequenceEvaluateOptions,
  Token as LlamaToken,
} from "node-llama-cpp";
import { createCheckedGeneration, type Generation } from "./checked-generation.ts";
import { followerLogprobs, withFollowers } from "./followers.ts";
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

interface Work {
  readonly sampling: SlotSampling;
  readonly options: SequenceEvaluateOptions;
  readonly window: PenaltyWindow | undefined;
  readonly grammar: GrammarRun | undefined;
  /** Present once the prompt is computed. Each `next()` feeds the token sampled last and samples another. */
  generation: Generation | undefined;
  /** How many of the first tokens held no shift has moved. */
  unshifted: number;
  /** Where we sample ourselves: what to take instead, this time. */
  forced?: Token | undefined;
}

type PrefillEntry = Extract<BatchEntry, { kind: "prefill" }>;

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

  async function prefill({ tokens: fed, sample, forced, followers }: PrefillEntry): Promise<EntryResult> {
    const { window } = currentWork();
    const tokens = asLlamaTokens(fed);
    if (tokens.length === 0) throw new Error(`Cannot prefill slot ${id}: the entry has no tokens`);
    if (!hasRoom(tokens.length)) return full();
    window?.push(tokens);
    if (sample) return await sampleNext(generate(tokens, followers), forced);
    if (followers !== undefined) return { kind: "none", followers: await score(tokens, followers) };
    await sequence.evaluateWithoutGeneratingNewTokens(tokens, { evaluationPriority: priority, contextShift: noShift });
    return { kind: "none" };
  }

  async function score(tokens: LlamaToken[], followers: readonly Token[]): Promise<TokenLogprobs[]> {
    const { topLogprobs = 0 } = currentWork().sampling;
    const asked = withFollowers(tokens, followers, topLogprobs);
    const outputs = await sequence.controlledEvaluate(asked, { evaluationPriority: priority, contextShift: noShift });
    samplers.add();
    return followerLogprobs(outputs, followers, topLogprobs);
  }

  async function decode(forced: Token | undefined): Promise<EntryResult> {
    const { generation } = currentWork();
    if (generation === undefined) throw new Error(`Cannot decode in slot ${id}: it has sampled no token`);
    return hasRoom(1) ? await sampleNext(generation, forced) : full();
  }

  function generate(tokens: LlamaToken[], followers?: readonly Token[]): Generation {
    const { sampling, grammar } = currentWork();
    if (sampling.topLogprobs !== undefined || sampling.fillIn === true) return fromLogits(tokens, 0, followers);
    if (grammar === undefined) return fromLibrary(tokens);
    // Where the last token alone cannot be taken back, every place is computed once.
    if (sequence.needsCheckpoints) return fromLogits(tokens);
    return createCheckedGeneration({
      grammar,
      tokens,
      freely: (from, begun) => fromLibrary(asLlamaTokens(from), begun),
      held: (from, begun) => fromLogits(asLlamaTokens(from), begun),
      async takeBack() {
        const [end, token] = [sequence.nextTokenIndex, sequence.contextTokens.at(-1)];
        if (token === undefined) throw new Error(`Cannot take a token back in slot ${id}: it holds none`);
        await erase(end - 1, end);
        return token;
      },
    });
  }

  /** @param begun generations of this job before this one: each draws other numbers */
  function fromLibrary(tokens: LlamaToken[], begun = 0): Generation {
    const { options: wanted } = currentWork();
    const seed = wanted.seed === undefined ? {} : { seed: seedAfter(wanted.seed, begun) };
    const generation = sequence.evaluateWithMetadata(tokens, {}, { ...wanted, ...seed });
    /** Taken instead of what the library sampled last: it is to feed this one. */
    let taken: LlamaToken | undefined;
    return {
      async next(forced) {
        const result = await generation.next(...(taken === undefined ? [] : [taken]));
        taken = forced as LlamaToken | undefined;
        if (forced === undefined || result.done === true) return result;
        return { done: false, value: { token: forced } };
      },
      async return() {
        await generation.return();
        samplers.add();
      },
    };
  }

  function fromLogits(tokens: LlamaToken[], begun = 0, followers?: readonly Token[]): Generation {
    const current = currentWork();
    const { sampling, window, grammar } = current;
    const generation = generateFromLogits({
      sequence,
      tokens,
      followers,
      sampling: { ...sampling, seed: seedAfter(sampling.seed, begun) },
      recent: () => window?.tokens ?? [],
      grammar,
      banned: (token) => sampling.ignore_eos && context.isEndOfGeneration(token),
      vocabulary: context,
      evaluation: { evaluationPriority: priority, contextShift: noShift },
      forced: () => current.forced,
      onEvaluated: () => samplers.add(),
    });
    return {
      next(forced) {
        current.forced = forced;
        return generation.next();
      },
      return: () => generation.return(),
    };
  }

  async function sampleNext(generation: Generation, forced?: Token): Promise<EntryResult> {
    const current = currentWork();
    current.generation = generation;
    try {
      // What closes a thought may be what the grammar has no room for: then the model finds its own way.
      const refused = forced !== undefined && current.grammar?.allows(forced) === false;
      const { value } = await generation.next(refused ? undefined : forced);
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

  async function grammarOf({ answer, grammar }: SlotSampling): Promise<GrammarRun | undefined> {
    if (answer !== undefined) return await context.grammars.beginAnswer(answer.grammar, answer.said);
    return grammar === undefined ? undefined : await context.grammars.begin(grammar);
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
      const grammar = await grammarOf(sampling);
      work = {
        sampling,
        options: { ...options, evaluationPriority: priority, contextShift: noShift },
        window,
        grammar,
        generation: undefined,
        unshifted: Infinity,
      };
    },

    run: (entry) => (entry.kind === "decode" ? decode(entry.forced) : prefill(entry)),

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

/** Of 32 bits, and never the one that llama.cpp takes for "draw one". */
function seedAfter(seed: number, begun: number): number {
  return begun === 0 ? seed : (seed + begun) % 0xffff_ffff;
}

/** The library brands its tokens; ours are the same numbers. */
function asLlamaTokens(tokens: readonly Token[]): LlamaToken[] {
  return tokens as LlamaToken[];
}
