// Owns how a job's sampling becomes the library's: as the options of its public interface, and as the configuration of the sampler inside. The
// library's own defaults break our contract, so each is always set.
import type { SlotSampling, Token } from "@waggle/engine";
import { TokenBias, type LlamaModel, type SequenceEvaluateOptions, type Token as LlamaToken } from "node-llama-cpp";
import type { DryBreakers } from "./dry.ts";
import { refuseField } from "./field-error.ts";
import type { Grammars } from "./grammars.ts";
import type { DirectSamplerConfig } from "./library-context.ts";
import type { Draw } from "./passes.ts";

/** A logit that no token survives, and still a number: sampling among banned tokens alone has to give one of them. */
const bannedLogit = -1e9;
const bannedBias = -100;

export interface SamplingContext {
  readonly model: LlamaModel;
  readonly grammars: Grammars;
  /** The tokens that texts which break DRY's repetitions are written with. */
  readonly dryBreakers: (texts: readonly string[]) => Promise<DryBreakers>;
  readonly vocabularySize: number;
  readonly isEndOfGeneration: (token: Token) => boolean;
  /** All of which that holds. */
  readonly endTokens: readonly Token[];
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** That of a turn, where it has one. */
  readonly end: Token | null;
  /** What "the whole context" means to DRY, in tokens. */
  readonly contextSize: number;
}

/**
 * Checks what only the model can: the grammar compiles, the biased tokens exist.
 * @throws WaggleError invalid_argument naming the field
 */
export async function checkSampling(sampling: SlotSampling, context: SamplingContext): Promise<void> {
  const { vocabularySize } = context;
  for (const [id, bias] of Object.entries(sampling.logit_bias ?? {})) {
    const token = Number(id);
    if (token >= vocabularySize) {
      throw refuseField("logit_bias", `there is no token ${id}; the model has ${vocabularySize} tokens`);
    }
    if (bias !== 0 && context.isEndOfGeneration(token) && !bansEveryEnd(sampling, context)) {
      throw refuseField("logit_bias", `token ${id} ends the generation, which only ignore_eos can change`);
    }
  }
  const { grammar, answer } = sampling;
  if (grammar === undefined && answer === undefined) return;
  if (neverEnds(sampling, context)) throw refuseField("ignore_eos", "a grammar decides alone when the text ends");
  if (grammar !== undefined) await context.grammars.check(grammar);
  if (answer !== undefined) await context.grammars.beginAnswer(answer.grammar, answer.said);
}

/** What the library's public interface is told for one token. It drops biases of tokens that end the generation. */
export function drawOptions(
  sampling: SlotSampling,
  { seed, recent }: Draw,
  { model }: SamplingContext,
): SequenceEvaluateOptions {
  const biases = Object.entries(sampling.logit_bias ?? {});
  const tokenBias = TokenBias.for(model);
  for (const [id, bias] of biases) tokenBias.set(Number(id) as LlamaToken, { logit: logitOf(bias) });
  return {
    temperature: sampling.temperature,
    topK: sampling.top_k,
    topP: sampling.top_p,
    minP: sampling.min_p,
    seed,
    ...(sampling.xtc_probability === 0
      ? {}
      : { xtc: { probability: sampling.xtc_probability, threshold: sampling.xtc_threshold } }),
    ...(recent === undefined
      ? {}
      : {
          repeatPenalty: {
            punishTokens: recent as LlamaToken[],
            maxPunishTokens: sampling.repeat_last_n,
            penalty: sampling.repeat_penalty,
            presencePenalty: sampling.presence_penalty,
            frequencyPenalty: sampling.frequency_penalty,
          },
        }),
    ...(biases.length === 0 ? {} : { tokenBias }),
  };
}

/** The same for the sampler inside, but for what changes with each token. */
export function samplerConfig(sampling: SlotSampling, context: SamplingContext): DirectSamplerConfig {
  const biases = new Map(Object.entries(sampling.logit_bias ?? {}).map(([id, bias]) => [Number(id), logitOf(bias)]));
  if (neverEnds(sampling, context)) for (const token of context.endTokens) biases.set(token, bannedLogit);
  return {
    temperature: sampling.temperature,
    topK: sampling.top_k,
    topP: sampling.top_p,
    minP: sampling.min_p,
    seed: 1,
    ...(sampling.xtc_probability === 0
      ? {}
      : { xtcProbability: sampling.xtc_probability, xtcThreshold: sampling.xtc_threshold }),
    ...(hasRepeatPenalty(sampling)
      ? {
          repeatPenalty: sampling.repeat_penalty,
          repeatPenaltyMaxTokens: sampling.repeat_last_n,
          repeatPenaltyTokens: new Uint32Array(),
          repeatPenaltyPresencePenalty: sampling.presence_penalty,
          repeatPenaltyFrequencyPenalty: sampling.frequency_penalty,
        }
      : {}),
    ...(biases.size === 0
      ? {}
      : { tokenBiasKeys: Uint32Array.from(biases.keys()), tokenBiasValues: Float32Array.from(biases.values()) }),
  };
}

function logitOf(bias: number): number {
  return bias === bannedBias ? bannedLogit : bias;
}

/** Whether the penalties do anything; when not, they cost nothing either. */
export function hasRepeatPenalty(sampling: SlotSampling): boolean {
  const { repeat_penalty, presence_penalty, frequency_penalty, repeat_last_n } = sampling;
  return repeat_last_n > 0 && (repeat_penalty !== 1 || presence_penalty !== 0 || frequency_penalty !== 0);
}

/** Clients of old ban the end by its token id; that is ignore_eos by another name. */
export function neverEnds(sampling: SlotSampling, context: SamplingContext): boolean {
  return sampling.ignore_eos || bansEveryEnd(sampling, context);
}

function bansEveryEnd({ logit_bias }: SlotSampling, { model }: SamplingContext): boolean {
  if (logit_bias === undefined || !Object.values(logit_bias).includes(bannedBias)) return false;
  const ends = [model.tokens.eos, model.tokens.eot].filter((end) => end !== null);
  return ends.length > 0 && ends.every((end) => logit_bias[end] === bannedBias);
}
