// Translates a request of llama-server's own routes to a JobSpec and its prompts.
import type { Picture, PromptInput, PromptPiece } from "@waggle/engine";
import type { GenerateSpec } from "@waggle/jobs";
import { SamplingSchema, llamaServerLimits, mediaMarker, refuseField, requestLimits } from "@waggle/protocol";
import type { InfillRequest, LlamaServerCompletionRequest, LlamaServerPrompt, Sampling } from "@waggle/protocol";
import { validate } from "../../body/body.ts";
import type { SchemaGrammar } from "../../body/fields.ts";
import { baseJobSpec } from "../../generation/base-job-spec.ts";
import type { RequestContext, SamplingFields } from "../../generation/base-job-spec.ts";
import { samplersOf } from "./samplers.ts";

/** Fields that completion and infill share. */
export type CompletionFields = Omit<LlamaServerCompletionRequest, "prompt">;

export interface LlamaServerContext extends RequestContext {
  readonly schemaGrammar: SchemaGrammar;
  /** Returns the tokens of a text, without BOS and control tokens. */
  readonly tokensOf: (text: string) => Promise<readonly number[]>;
}

export interface PicturedInput {
  readonly prompt: PromptInput;
  readonly pictures?: readonly Picture[];
}

/** @throws WaggleError invalid_argument naming the field */
export async function specOf(
  body: CompletionFields,
  input: PicturedInput,
  context: LlamaServerContext,
): Promise<GenerateSpec> {
  const spec = baseJobSpec(await samplingFieldsOf(body, context), context);
  const { json_schema: schema, t_max_predict_ms: maxDecodeMs, n_indent: minIndent } = body;
  const lines = {
    ...(maxDecodeMs == null || maxDecodeMs <= 0 ? {} : { maxDecodeMs }),
    ...(minIndent == null || minIndent === 0 ? {} : { minIndent }),
  };
  const { sampling } = spec.work;
  const work = {
    ...spec.work,
    ...input,
    ...(Object.keys(lines).length === 0 ? {} : { lines }),
    fillIn: samplersOf(body.samplers).chain.includes("infill"),
    ...(schema == null
      ? {}
      : { sampling: { ...sampling, grammar: await context.schemaGrammar(anyObject(schema), "json_schema") } }),
  };
  return { ...spec, work };
}

/**
 * A list of only texts has one prompt per text; a list with a token is one prompt.
 * @throws WaggleError invalid_argument naming the field or the picture; payload_too_large; resource_exhausted
 */
export async function promptsOf(
  given: LlamaServerCompletionRequest["prompt"],
  readPictures: RequestContext["readPictures"],
): Promise<readonly PicturedInput[]> {
  const isOne = !Array.isArray(given) || given.some((item) => typeof item === "number");
  const prompts = (isOne ? [given] : given) as readonly LlamaServerPrompt[];
  if (prompts.length > llamaServerLimits.prompts)
    throw refuseField("prompt", `it is a list of more than ${llamaServerLimits.prompts} prompts`);
  const inputs: PicturedInput[] = [];
  for (const prompt of prompts) inputs.push(await inputOf(prompt, readPictures));
  return inputs;
}

async function inputOf(
  prompt: LlamaServerPrompt,
  readPictures: RequestContext["readPictures"],
): Promise<PicturedInput> {
  if (typeof prompt === "string" || Array.isArray(prompt)) {
    return { prompt: { kind: "pieces", pieces: piecesOf(prompt) } };
  }
  const { prompt_string: text, multimodal_data: sources } = prompt;
  // As in llama-server, a marker is ordinary text in a prompt without this field.
  if (sources == null) return { prompt: { kind: "pieces", pieces: [text] } };
  const texts = text.split(mediaMarker);
  if (texts.length - 1 !== sources.length) {
    const markers = `markers ${mediaMarker} in prompt_string: ${texts.length - 1}`;
    throw refuseField("prompt.multimodal_data", `pictures: ${sources.length}, but ${markers}`);
  }
  const { pictures, indexOf } = await readPictures(sources);
  const pieces = texts.flatMap((piece, at): PromptPiece[] => {
    const source = sources[at];
    return source === undefined ? [piece] : [piece, { type: "image", picture: indexOf(source) ?? 0 }];
  });
  return { prompt: { kind: "pieces", pieces }, ...(pictures.length === 0 ? {} : { pictures }) };
}

function piecesOf(prompt: Extract<LlamaServerPrompt, string | readonly unknown[]>): readonly PromptPiece[] {
  if (typeof prompt === "string") return [prompt];
  const pieces: (string | number[])[] = [];
  for (const item of prompt) {
    const last = pieces.at(-1);
    if (typeof item === "string") pieces.push(item);
    else if (Array.isArray(last)) last.push(item);
    else pieces.push([item]);
  }
  return pieces;
}

export function infillPromptOf(body: InfillRequest): PromptInput {
  const { input_prefix: prefix, input_suffix: suffix, input_extra: extra, prompt } = body;
  return {
    kind: "infill",
    infill: {
      prefix,
      suffix,
      extra: (extra ?? []).map(({ filename, text }) => ({ filename: filename ?? "tmp", text })),
      prompt: prompt ?? "",
    },
  };
}

async function samplingFieldsOf(body: CompletionFields, { tokensOf }: LlamaServerContext): Promise<SamplingFields> {
  const { grammar, json_schema: schema, stop, top_k: topK, repeat_last_n: lastTokens } = body;
  if (grammar != null && grammar !== "" && schema != null)
    throw refuseField("json_schema", "a grammar and a json_schema exclude each other");
  const wanted = body.n_predict ?? body.max_tokens;
  return {
    ...body,
    n: body.n_cmpl ?? body.n,
    // `n_probs: 0` means no logprobs.
    top_logprobs: body.n_probs === 0 ? undefined : body.n_probs,
    max_tokens: wanted == null ? wanted : Math.min(wanted, requestLimits.maxTokens),
    stop: (typeof stop === "string" ? [stop] : stop)?.filter((text) => text !== ""),
    grammar: grammar === "" ? undefined : grammar,
    top_k: topK === -1 ? 0 : topK,
    repeat_last_n: lastTokens === -1 ? 65_536 : lastTokens,
    logit_bias: await logitBiasOf(body.logit_bias, tokensOf),
    ...samplersOf(body.samplers).off,
  };
}

/** In llama-server an empty schema means any object. */
function anyObject(schema: Readonly<Record<string, unknown>>): unknown {
  return Object.keys(schema).length === 0 ? { type: "object" } : schema;
}

/** Bounds of the native logit bias. The least bias bans a token, and the greatest bias forces a token. */
const [least, most] = [-100, 100];

const TokenBiasSchema = SamplingSchema.pick({ logit_bias: true });

/** @throws WaggleError invalid_argument naming the field; the errors of `tokensOf` */
async function logitBiasOf(
  given: LlamaServerCompletionRequest["logit_bias"],
  tokensOf: LlamaServerContext["tokensOf"],
): Promise<Sampling["logit_bias"]> {
  if (given == null) return undefined;
  // The keys of an object are always strings, so a key that consists of digits is a token id.
  const entries = Array.isArray(given)
    ? given
    : Object.entries(given).map(([key, value]) => [/^\d{1,9}$/.test(key) ? Number(key) : key, value] as const);
  if (entries.length === 0) return undefined;
  const texts = entries.filter(([key]) => typeof key === "string").length;
  if (texts > llamaServerLimits.biasTexts)
    throw refuseField("logit_bias", `it has more than ${llamaServerLimits.biasTexts} texts`);
  const bias: Record<string, number> = {};
  for (const [key, value] of entries) {
    const amount = value === false ? least : Math.min(most, Math.max(least, value));
    const tokens = typeof key === "number" ? [key] : await tokensOf(key);
    for (const token of tokens) bias[token] = amount;
  }
  return validate(TokenBiasSchema, { logit_bias: bias }).logit_bias;
}
