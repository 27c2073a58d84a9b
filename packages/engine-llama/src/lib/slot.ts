// Owns one slot: a sequence that lives as long as the context, and the sampler of the job in it. It knows nothing of its neighbours.
import type { RowResult, SlotSampling, StepRow, Token, TokenLogprobs } from "@waggle/engine";
import type {
  EvaluationPriority,
  LlamaContextSequence,
  SequenceEvaluateOptions,
  Token as LlamaToken,
} from "node-llama-cpp";
import { generateWithLogprobs } from "./logprob-generation.ts";
import { createPenaltyWindow, type PenaltyWindow } from "./penalty-window.ts";
import { evaluateOptions, hasRepeatPenalty, type SamplingContext } from "./sampling.ts";

export interface SlotOptions {
  readonly id: number;
  readonly sequence: LlamaContextSequence;
  readonly sampling: SamplingContext;
  /** Most tokens that the slot's cache may hold. */
  readonly capacity: number;
  /** Where this slot's row stands in a batch; rows go in descending order of it. */
  readonly priority: EvaluationPriority;
}

export interface Slot {
  begin(keepTokens: number, sampling: SlotSampling): Promise<void>;
  /** Rejects when the forward pass failed; what concerns this row alone is a `failed` result. */
  run(row: StepRow): Promise<RowResult>;
  end(): Promise<void>;
}

/** What the library's generation and ours with logprobs have in common. */
interface Generation {
  next(): Promise<IteratorResult<{ readonly token: LlamaToken; readonly logprobs?: TokenLogprobs }, void>>;
  return(): Promise<unknown>;
}

interface Work {
  readonly sampling: SlotSampling;
  readonly options: SequenceEvaluateOptions;
  readonly window: PenaltyWindow | undefined;
  /** Present once the prompt is computed. Each `next()` feeds the token sampled last and samples another. */
  generation: Generation | undefined;
}

/** What the library says when it found no token to sample: the pass itself was good. */
const nothingToSample = "Failed to sample next token";

export function createSlot({ id, sequence, sampling: context, capacity, priority }: SlotOptions): Slot {
  let work: Work | undefined;

  function currentWork(): Work {
    if (work === undefined) throw new Error(`Cannot step slot ${id}: no work has begun in it`);
    return work;
  }

  function hasRoom(tokens: number): boolean {
    return sequence.nextTokenIndex + tokens <= capacity;
  }

  async function prefill(tokens: LlamaToken[], sample: boolean): Promise<RowResult> {
    const { window } = currentWork();
    if (tokens.length === 0) throw new Error(`Cannot prefill slot ${id}: the row has no tokens`);
    if (!hasRoom(tokens.length)) return full();
    window?.push(tokens);
    if (sample) return await sampleNext(generate(tokens));
    await sequence.evaluateWithoutGeneratingNewTokens(tokens, { evaluationPriority: priority, contextShift: noShift });
    return { kind: "none" };
  }

  async function decode(): Promise<RowResult> {
    const { generation } = currentWork();
    if (generation === undefined) throw new Error(`Cannot decode in slot ${id}: it has sampled no token`);
    return hasRoom(1) ? await sampleNext(generation) : full();
  }

  function generate(tokens: LlamaToken[]): Generation {
    const { sampling, options, window } = currentWork();
    if (sampling.topLogprobs === undefined) {
      const generation = sequence.evaluateWithMetadata(tokens, {}, options);
      return { next: () => generation.next(), return: () => generation.return() };
    }
    return generateWithLogprobs({
      sequence,
      tokens,
      sampling,
      recent: () => window?.tokens ?? [],
      banned: (token) => sampling.ignore_eos && context.model.isEogToken(token as LlamaToken),
      evaluation: { evaluationPriority: priority, contextShift: noShift },
    });
  }

  async function sampleNext(generation: Generation): Promise<RowResult> {
    const current = currentWork();
    current.generation = generation;
    try {
      const { value } = await generation.next();
      if (value === undefined) return { kind: "failed", message: "The model gave no token that the request allows" };
      current.window?.push([value.token]);
      return { kind: "token", ...value };
    } catch (error) {
      if ((error as Error).message !== nothingToSample) throw error;
      return { kind: "failed", message: "The model gave no token that the request allows" };
    }
  }

  function full(): RowResult {
    return { kind: "failed", message: `The context of ${capacity + 1} tokens is full` };
  }

  return {
    async begin(keepTokens, sampling) {
      const held = sequence.nextTokenIndex;
      if (keepTokens > held) throw new Error(`Cannot keep ${keepTokens} tokens in slot ${id}: it holds ${held}`);
      await sequence.eraseContextTokenRanges([{ start: keepTokens, end: held }]);
      const window = hasRepeatPenalty(sampling) ? createPenaltyWindow(sampling.repeat_last_n) : undefined;
      window?.push(sequence.contextTokens);
      const options = await evaluateOptions(sampling, window, context);
      work = {
        sampling,
        options: { ...options, evaluationPriority: priority, contextShift: noShift },
        window,
        generation: undefined,
      };
    },

    run: (row) => (row.kind === "decode" ? decode() : prefill(asLlamaTokens(row.tokens), row.sample)),

    async end() {
      // The token sampled last was never fed: the library feeds it when it is asked for the next one.
      await work?.generation?.return();
      work = undefined;
    },
  };
}

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
