// Checks a job's sampling settings against the model, and translates them for llama.cpp's samplers.
import { freePieces, type Pieces, type SlotSampling, type Token } from "@waggle/engine";
import type { LlamaModel } from "node-llama-cpp";
import type { DryBreakers } from "./dry.ts";
import { createDryBreakers } from "./dry-breakers.ts";
import { createGrammars, type Grammars } from "./grammars.ts";
import type { Chat } from "../text/chat.ts";
import { findSpecialTokens } from "../text/special-tokens.ts";
import { createTokenBytes } from "../text/token-bytes.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Vocabulary } from "../text/vocabulary.ts";
import { samplingNumbers, type SamplerConfig, type SamplingNumbers } from "./sampling-numbers.ts";
import { refuseField } from "@waggle/protocol";

/** Bias of a banned token in llama.cpp. Finite, because sampling must return a banned token if all tokens are banned. */
const bannedLogit = -1e9;
const bannedBias = -100;

export interface SamplingContext {
  readonly model: LlamaModel;
  readonly grammars: Grammars;
  /** Finds the token sequences of DRY's breakers. */
  readonly dryBreakers: (texts: readonly string[]) => Promise<DryBreakers>;
  readonly vocabularySize: number;
  readonly isEndOfGeneration: (token: Token) => boolean;
  /** All tokens for which `isEndOfGeneration` is true. */
  readonly endTokens: readonly Token[];
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** The token that ends a turn; without such a token, the token that ends a text; null if the model has neither. */
  readonly end: Token | null;
}

export interface SamplingContextOptions {
  readonly model: LlamaModel;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  readonly chat: Chat;
}

export function createSamplingContext({ model, vocabulary, tokenizer, chat }: SamplingContextOptions): {
  readonly sampling: SamplingContext;
  /** The private character (mark) that replaces this token, if the token is a marker of the chat format; undefined for other tokens. */
  readonly markOf: (token: Token) => string | undefined;
} {
  const tokenBytes = createTokenBytes(vocabulary);
  const vocabularySize = vocabulary.pieces.length;
  const { markOf, isEndOfGeneration, endTokens } = findSpecialTokens(model, vocabulary, chat);
  const sampling = {
    model,
    grammars: createGrammars({ vocabularySize, tokenBytes, markOf, isEndOfGeneration }),
    dryBreakers: createDryBreakers({
      pieces: vocabulary.pieces,
      tokenBytes,
      addsSpace: tokenizer.addsSpace,
      tokenize: (text) => tokenizer.tokenize(text, false, freePieces.pace),
    }),
    vocabularySize,
    isEndOfGeneration,
    endTokens,
    tokenBytes,
    end: model.tokens.eot ?? model.tokens.eos,
  };
  return { sampling, markOf };
}

/**
 * Checks that the grammar compiles and that the biased tokens exist.
 * @throws WaggleError invalid_argument, with the field's name
 */
export async function checkSampling(sampling: SlotSampling, context: SamplingContext, pieces: Pieces): Promise<void> {
  const { vocabularySize } = context;
  for (const [id, bias] of Object.entries(sampling.logit_bias ?? {})) {
    const token = Number(id);
    if (token >= vocabularySize) {
      throw refuseField("logit_bias", `there is no token ${id}; the model has ${vocabularySize} tokens`);
    }
    if (bias !== 0 && context.isEndOfGeneration(token) && !bansEveryEnd(sampling, context)) {
      throw refuseField("logit_bias", `token ${id} ends the generation; use ignore_eos to prevent that`);
    }
  }
  const { grammar, answer } = sampling;
  if (grammar === undefined && answer === undefined) return;
  if (neverEnds(sampling, context))
    throw refuseField("ignore_eos", "with a grammar, only the grammar decides when the text ends");
  await pieces.run("grammar", async () => {
    if (grammar !== undefined) await context.grammars.check(grammar);
    if (answer !== undefined) await context.grammars.beginAnswer(answer.grammar, answer.begun);
  });
}

/** Settings of a slot's sampler. The seed and the penalties' tokens are set for each token. */
export function samplerConfig(sampling: SlotSampling, context: SamplingContext): SamplerConfig {
  const biases = new Map(Object.entries(sampling.logit_bias ?? {}).map(([id, bias]) => [Number(id), logitOf(bias)]));
  if (neverEnds(sampling, context)) for (const token of context.endTokens) biases.set(token, bannedLogit);
  return {
    ...samplingNumbers((name) => sampling[name]),
    ...(biases.size === 0
      ? {}
      : { tokenBiasKeys: Uint32Array.from(biases.keys()), tokenBiasValues: Float32Array.from(biases.values()) }),
  };
}

function logitOf(bias: number): number {
  return bias === bannedBias ? bannedLogit : bias;
}

/** Whether the penalties have an effect. Penalties without effect are left out, because they take time. */
export function hasRepeatPenalty(sampling: SamplingNumbers): boolean {
  const { repeat_penalty, presence_penalty, frequency_penalty, repeat_last_n } = sampling;
  return repeat_last_n > 0 && (repeat_penalty !== 1 || presence_penalty !== 0 || frequency_penalty !== 0);
}

/** Whether the job ignores the end of generation. Older clients ban the end tokens by `logit_bias` instead of using `ignore_eos`. */
export function neverEnds(sampling: SlotSampling, context: SamplingContext): boolean {
  return sampling.ignore_eos || bansEveryEnd(sampling, context);
}

function bansEveryEnd({ logit_bias }: SlotSampling, { model }: SamplingContext): boolean {
  if (logit_bias === undefined || !Object.values(logit_bias).includes(bannedBias)) return false;
  const ends = [model.tokens.eos, model.tokens.eot].filter((end) => end !== null);
  return ends.length > 0 && ends.every((end) => logit_bias[end] === bannedBias);
}
