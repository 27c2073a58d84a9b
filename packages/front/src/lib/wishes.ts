// Owns what every foreign dialect says alike: sampling, length and whose job it is, from a request's fields to their part of a JobSpec. What
// it cannot become is refused by name.
import { GenerateRequestSchema, SessionIdSchema, samplingOf, stopStringsOf } from "@waggle/protocol";
import type { GenerateRequest, GenerateRequestInput, KeepAlive, LoraChoice, Sampling } from "@waggle/protocol";
import type { GenerateSpec, JobScope, JobSpec } from "@waggle/jobs";
import type { AppContext, AppOptions, ServedModel } from "./context.ts";
import type { ConversationContext } from "./conversation.ts";
import { answerGrammarFor, unsupported } from "./fields.ts";
import { keepAliveFor } from "./keep-alive.ts";

/** What a translation needs of the request beside its body. */
export interface RequestContext extends JobScope, ConversationContext {
  /** The name of the model that it is for, as it is served. */
  readonly model: string;
  readonly keepAliveMs: number | undefined;
  /** Longest a collected answer may take. */
  readonly deadlineMs: number | undefined;
}

export interface RequestWishes {
  readonly streamed: boolean;
  /** In the dialect's own words, where it has any; else the header `x-session-id` names it. */
  readonly sessionId?: string | undefined;
  /** How long the model is to stay loaded. */
  readonly keepAlive?: KeepAlive | null | undefined;
}

/** @throws WaggleError invalid_argument when the session's name is none */
export function requestContextOf(
  c: AppContext,
  { limits, schemas }: Pick<AppOptions, "limits" | "schemas">,
  served: Pick<ServedModel, "name" | "chatFormat" | "status">,
  { streamed, sessionId, keepAlive }: RequestWishes,
): RequestContext {
  const parsed = SessionIdSchema.optional().safeParse(sessionId ?? c.req.header("x-session-id"));
  if (!parsed.success) {
    throw unsupported("x-session-id", "only letters, digits and . _ : - are allowed, 128 at most, and not dots alone");
  }
  // A collected answer must come before the client's own time for headers is up; a stream has its headers already.
  return {
    client: c.get("client"),
    trace: c.get("requestId"),
    model: served.name,
    keepAliveMs: keepAliveFor(c, served, keepAlive),
    chatFormat: served.chatFormat,
    answerGrammar: answerGrammarFor(schemas, c.get("client")),
    sessionId: parsed.data,
    deadlineMs: streamed ? undefined : limits.collectTimeoutMs,
  };
}

/** What is the same in every job whose answer is collected and that no client has named, ranked or put into a session. */
export function collectedJobOf(
  c: AppContext,
  { collectTimeoutMs }: AppOptions["limits"],
  served: Pick<ServedModel, "name" | "status">,
  keepAlive?: KeepAlive | null,
): Pick<JobSpec, "model" | "keepAliveMs" | "scope" | "priority" | "deadlineMs" | "onDisconnect" | "direct"> {
  return {
    model: served.name,
    keepAliveMs: keepAliveFor(c, served, keepAlive),
    scope: { client: c.get("client"), trace: c.get("requestId") },
    priority: 0,
    deadlineMs: collectTimeoutMs,
    onDisconnect: "cancel",
    direct: true,
  };
}

type Nullish<T> = { readonly [K in keyof T]?: T[K] | null | undefined };

/**
 * With the native names; null and absence both mean that nothing was said, and the native default holds. `seed` is any integer: ours are 32
 * bits, and -1 asks for a random one.
 */
export interface Wishes extends Nullish<Omit<Sampling, "seed">> {
  readonly seed?: number | null | undefined;
  readonly n?: number | null | undefined;
  /** 0: the prompt is computed, and that is all. -1: to the context's end. */
  readonly max_tokens?: number | null | undefined;
  readonly stop?: string | readonly string[] | null | undefined;
  readonly context_shift?: boolean | null | undefined;
  readonly lora?: LoraChoice | null | undefined;
  readonly repetition_limit?: number | null | undefined;
}

/**
 * All of a spec but its prompt and logprobs.
 * @throws WaggleError invalid_argument; what the dialect's own schema has let through rarely fails here
 */
export function specOfWishes(
  wishes: Wishes,
  context: Pick<RequestContext, keyof JobScope | "model" | "keepAliveMs" | "deadlineMs">,
): Omit<GenerateSpec, "prompt" | "topLogprobs"> {
  const { client, sessionId, trace, model, keepAliveMs: staysMs, deadlineMs } = context;
  const { seed, stop, max_tokens: maxTokens } = wishes;
  // The native schema fills in the defaults and checks what all dialects have in common; its prompt is not used.
  const request = parse({
    prompt: "-",
    ...said(wishes),
    ...(seed == null || seed === -1 ? {} : { seed: ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32 }),
    ...(maxTokens == null || maxTokens < 1 ? {} : { max_tokens: maxTokens }),
  });
  return {
    kind: "generate",
    model,
    keepAliveMs: staysMs,
    scope: { client, sessionId, trace },
    priority: 0,
    deadlineMs,
    onDisconnect: "cancel",
    direct: true,
    choices: wishes.n ?? 1,
    sampling: samplingOf(request),
    maxTokens: maxTokens === 0 ? 0 : request.max_tokens,
    repetitionLimit: request.repetition_limit ?? undefined,
    contextShift: request.context_shift,
    lora: request.lora,
    // Their number is the dialect's own to bound.
    stop: stop == null ? [] : stopStringsOf({ stop: typeof stop === "string" ? stop : [...stop] }),
  };
}

const fields = [
  "temperature",
  "top_k",
  "top_p",
  "min_p",
  "repeat_penalty",
  "repeat_last_n",
  "presence_penalty",
  "frequency_penalty",
  "dry_multiplier",
  "dry_base",
  "dry_allowed_length",
  "dry_penalty_last_n",
  "dry_sequence_breakers",
  "xtc_probability",
  "xtc_threshold",
  "logit_bias",
  "ignore_eos",
  "grammar",
  "context_shift",
  "lora",
  "repetition_limit",
] as const satisfies readonly (keyof Wishes)[];

function said(wishes: Wishes): Partial<GenerateRequestInput> {
  return Object.fromEntries(fields.flatMap((name) => (wishes[name] == null ? [] : [[name, wishes[name]]])));
}

function parse(input: GenerateRequestInput): GenerateRequest {
  const result = GenerateRequestSchema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw unsupported(issue?.path.map(String).join(".") ?? "", issue?.message ?? "invalid");
}
