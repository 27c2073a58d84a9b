// Owns the part of a JobSpec that all foreign dialects build in the same way: sampling, length and the client, from a request's fields. A field that
// cannot be translated is refused by name.
import { SessionIdSchema, refuseField, requestSampling, stopStringsOf } from "@waggle/protocol";
import type { KeepAlive, LoraChoice, Sampling } from "@waggle/protocol";
import type { GenerateWork, Picture } from "@waggle/engine";
import type { JobOwner, JobSpec } from "@waggle/jobs";
import type { AppContext, AppOptions, ServedModel } from "../server/context.ts";
import type { ConversationContext } from "../conversation/conversation.ts";
import { answerGrammarFor } from "../body/fields.ts";
import { keepAliveFor } from "../stream/keep-alive.ts";
import { pictureReader } from "../pictures/picture-reader.ts";

/** Time limit of an answer that is not streamed: it must arrive before the client's timeout for headers, which is often 300 s. */
const collectTimeoutMs = 240_000;

/** The data that a translation needs in addition to the body. */
export interface RequestContext extends JobOwner, ConversationContext {
  /** The name under which the requested model is served. */
  readonly model: string;
  readonly keepAliveMs: number | undefined;
  /** Time limit of a collected answer. */
  readonly deadlineMs: number | undefined;
}

export interface RequestOptions {
  readonly streamed: boolean;
  /** How long the model stays loaded after the job. */
  readonly keepAlive?: KeepAlive | null | undefined;
  /** Finds a picture of an earlier response. */
  readonly keptPicture?: ((sha256: string) => Picture | undefined) | undefined;
}

/** @throws WaggleError invalid_argument for an invalid session name */
export function requestContextOf(
  c: AppContext,
  { schemas }: Pick<AppOptions, "schemas">,
  served: Pick<ServedModel, "name" | "chatFormat" | "status" | "info">,
  { streamed, keepAlive, keptPicture }: RequestOptions,
): RequestContext {
  const parsed = SessionIdSchema.optional().safeParse(c.req.header("x-session-id"));
  if (!parsed.success) {
    throw refuseField("x-session-id", "only letters, digits and . _ : - are allowed, 128 at most, and not dots alone");
  }
  return {
    client: c.get("client"),
    trace: c.get("requestId"),
    model: served.name,
    keepAliveMs: keepAliveFor(c, keepAlive),
    chatFormat: served.chatFormat,
    answerGrammar: answerGrammarFor(c, schemas),
    readPictures: pictureReader(c, served, keptPicture),
    sessionId: parsed.data,
    deadlineMs: streamed ? undefined : collectTimeoutMs,
  };
}

/** The fields of every job with a collected answer and without an id, a priority and a session. */
export function collectedJobOf(
  c: AppContext,
  served: Pick<ServedModel, "name" | "status">,
  keepAlive?: KeepAlive | null,
): Omit<JobSpec, "work"> {
  return {
    model: served.name,
    who: { client: c.get("client"), trace: c.get("requestId") },
    when: {
      keepAliveMs: keepAliveFor(c, keepAlive),
      priority: 0,
      deadlineMs: collectTimeoutMs,
      onDisconnect: "cancel",
      direct: true,
    },
  };
}

type Nullish<T> = { readonly [K in keyof T]?: T[K] | null | undefined };

/**
 * Sampling fields under their native names, which the dialect's schema has checked; null and absence both mean the native default. `seed` may be
 * any integer, which is reduced to the native 32 bits; -1 means a random seed.
 */
export interface SamplingFields extends Nullish<Sampling> {
  readonly n?: number | null | undefined;
  /** 0: compute only the prompt. -1: until the context is full. */
  readonly max_tokens?: number | null | undefined;
  readonly stop?: string | readonly string[] | null | undefined;
  readonly lora?: LoraChoice | null | undefined;
  readonly guesses?: boolean | null | undefined;
  readonly repetition_limit?: number | null | undefined;
  /** If absent, the answer has no logprobs. */
  readonly top_logprobs?: number | null | undefined;
}

/** Builds a spec without prompt. */
export function baseJobSpec(
  given: SamplingFields,
  context: Pick<RequestContext, keyof JobOwner | "model" | "keepAliveMs" | "deadlineMs">,
): JobSpec<Omit<GenerateWork, "prompt">> {
  const { client, sessionId, trace, model, keepAliveMs, deadlineMs } = context;
  const { seed, stop } = given;
  const maxTokens = given.max_tokens === -1 ? undefined : (given.max_tokens ?? undefined);
  const nativeSeed = seed == null || seed === -1 ? seed : ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32;
  return {
    model,
    who: { client, sessionId, trace },
    when: { priority: 0, deadlineMs, keepAliveMs, onDisconnect: "cancel", direct: true },
    work: {
      kind: "generate",
      choices: given.n ?? 1,
      sampling: requestSampling({ ...given, seed: nativeSeed }),
      maxTokens,
      repetitionLimit: given.repetition_limit ?? undefined,
      lora: given.lora ?? undefined,
      guesses: given.guesses ?? undefined,
      topLogprobs: given.top_logprobs ?? undefined,
      // Each dialect limits the number of stop strings itself.
      stop: stop == null ? [] : stopStringsOf({ stop: typeof stop === "string" ? stop : [...stop] }),
    },
  };
}
