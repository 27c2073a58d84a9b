// Owns how a job's sampling becomes node-llama-cpp's options. The library's own defaults break our contract, so each option is always set.
import type { SlotSampling, Token } from "@waggle/engine";
import {
  LlamaGrammarEvaluationState,
  TokenBias,
  type Llama,
  type LlamaModel,
  type SequenceEvaluateOptions,
  type Token as LlamaToken,
} from "node-llama-cpp";
import { refuseField } from "./field-error.ts";
import type { Grammars } from "./grammars.ts";
import type { PenaltyWindow } from "./penalty-window.ts";

/** llama.cpp takes this seed for "draw one". */
const randomSeed = 0xffff_ffff;
/** A logit that no token survives, and still a number: sampling among banned tokens alone has to give one of them. */
const bannedLogit = -1e9;
const bannedBias = -100;

/**
 * Any text without end. Biases on end-of-generation tokens are dropped by the library, and a grammar that is never complete is the public
 * way to keep them out.
 */
const endlessGrammar = String.raw`root ::= [\x01-\U0010FFFF] root`;

export interface SamplingContext {
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly grammars: Grammars;
  readonly vocabularySize: number;
  readonly isEndOfGeneration: (token: Token) => boolean;
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
  refuseBesideDry(sampling);
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

/** With logprobs, a grammar or a hole to fill we sample ourselves, and DRY is the library's alone. */
function refuseBesideDry({ grammar, answer, topLogprobs, fillIn, dry_multiplier: dry }: SlotSampling): void {
  const others = [
    ...((grammar ?? answer) === undefined ? [] : ["a grammar"]),
    ...(topLogprobs === undefined ? [] : ["logprobs"]),
    ...(fillIn === true ? ["the infill sampler"] : []),
  ];
  const [other] = others;
  if (dry !== 0 && other !== undefined) throw refuseField("dry_multiplier", `it cannot be combined with ${other}`);
}

/** What `evaluate` needs for this job. The window, where there is one, is read at each sampling. */
export async function evaluateOptions(
  sampling: SlotSampling,
  window: PenaltyWindow | undefined,
  context: SamplingContext,
): Promise<SequenceEvaluateOptions> {
  return {
    temperature: sampling.temperature,
    topK: sampling.top_k,
    topP: sampling.top_p,
    minP: sampling.min_p,
    seed: sampling.seed === randomSeed ? randomSeed - 1 : sampling.seed,
    yieldEogToken: true,
    ...repeatPenaltyOptions(sampling, window),
    ...dryOptions(sampling, context.contextSize),
    ...xtcOptions(sampling),
    ...biasOptions(sampling, context.model),
    ...(neverEnds(sampling, context) ? { grammarEvaluationState: await endlessState(context) } : {}),
  };
}

/** Whether the penalties do anything; when not, they cost nothing either. */
export function hasRepeatPenalty(sampling: SlotSampling): boolean {
  const { repeat_penalty, presence_penalty, frequency_penalty, repeat_last_n } = sampling;
  return repeat_last_n > 0 && (repeat_penalty !== 1 || presence_penalty !== 0 || frequency_penalty !== 0);
}

function repeatPenaltyOptions(sampling: SlotSampling, window: PenaltyWindow | undefined): SequenceEvaluateOptions {
  if (window === undefined) return {};
  return {
    repeatPenalty: {
      punishTokens: () => window.tokens as LlamaToken[],
      maxPunishTokens: sampling.repeat_last_n,
      penalty: sampling.repeat_penalty,
      presencePenalty: sampling.presence_penalty,
      frequencyPenalty: sampling.frequency_penalty,
    },
  };
}

function dryOptions(sampling: SlotSampling, contextSize: number): SequenceEvaluateOptions {
  const lastTokens = sampling.dry_penalty_last_n === -1 ? contextSize : sampling.dry_penalty_last_n;
  if (sampling.dry_multiplier === 0 || lastTokens === 0) return {};
  return {
    dryRepeatPenalty: {
      strength: sampling.dry_multiplier,
      base: sampling.dry_base,
      allowedLength: sampling.dry_allowed_length,
      // Spelled out: the library's own word for "all" switches DRY off.
      lastTokens,
      sequenceBreakers: sampling.dry_sequence_breakers,
    },
  };
}

function xtcOptions(sampling: SlotSampling): SequenceEvaluateOptions {
  if (sampling.xtc_probability === 0) return {};
  return { xtc: { probability: sampling.xtc_probability, threshold: sampling.xtc_threshold } };
}

function biasOptions(sampling: SlotSampling, model: LlamaModel): SequenceEvaluateOptions {
  const entries = Object.entries(sampling.logit_bias ?? {});
  if (entries.length === 0) return {};
  const tokenBias = TokenBias.for(model);
  for (const [id, bias] of entries) {
    tokenBias.set(Number(id) as LlamaToken, { logit: bias === bannedBias ? bannedLogit : bias });
  }
  return { tokenBias };
}

/** Clients of old ban the end by its token id; that is ignore_eos by another name. */
function neverEnds(sampling: SlotSampling, context: SamplingContext): boolean {
  return sampling.ignore_eos || bansEveryEnd(sampling, context);
}

function bansEveryEnd({ logit_bias }: SlotSampling, { model }: SamplingContext): boolean {
  if (logit_bias === undefined || !Object.values(logit_bias).includes(bannedBias)) return false;
  const ends = [model.tokens.eos, model.tokens.eot].filter((end) => end !== null);
  return ends.length > 0 && ends.every((end) => logit_bias[end] === bannedBias);
}

async function endlessState({ llama, model }: SamplingContext): Promise<LlamaGrammarEvaluationState> {
  return new LlamaGrammarEvaluationState({ model, grammar: await llama.createGrammar({ grammar: endlessGrammar }) });
}
