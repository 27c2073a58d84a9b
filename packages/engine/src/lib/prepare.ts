// Owns what happens to a job before it may wait for a slot: tokens, the checks that need the model, the final seed.
import { WaggleError } from "@waggle/protocol";
import type { Backend, PromptInput, SlotSampling, Token } from "./backend.ts";
import type { EngineJob, JobFailure } from "./messages.ts";

/**
 * No tokenizer packs more text than this into its tokens, on average over a prompt that makes sense. Tokenizing holds
 * up every stream, so a text that is hopelessly long is refused by its length alone.
 */
export const maxCharsPerToken = 64;

export interface PreparedJob {
  readonly job: EngineJob;
  readonly prompt: readonly Token[];
  readonly sampling: SlotSampling;
}

export interface PreparerOptions {
  readonly backend: Pick<Backend, "info" | "tokenize" | "checkSampling" | "checkShift">;
  /** Most checked jobs whose tokens are kept for their submission; the oldest goes first. */
  readonly maxPrepared: number;
  /** 32 random bits, for a job that asks for a random seed. */
  readonly random32: () => number;
}

export interface Preparer {
  /** @throws WaggleError invalid_argument when the model cannot run this job; tokenizes before it returns */
  prepare(job: EngineJob): Promise<PreparedJob>;
  /** Keeps a prepared job until it is submitted. */
  keep(prepared: PreparedJob): void;
  /** Hands out what was kept for this job, once, and only if it is the same request. */
  take(job: EngineJob): PreparedJob | undefined;
}

export function createPreparer({ backend, maxPrepared, random32 }: PreparerOptions): Preparer {
  const { contextSize } = backend.info;
  const kept = new Map<string, PreparedJob>();

  return {
    async prepare(job) {
      const input = promptOf(job);
      const fewestTokens = Math.max(1, Math.ceil(countChars(input) / maxCharsPerToken));
      checkLength(fewestTokens, contextSize, "at least ");
      const prompt = backend.tokenize(input);
      checkLength(prompt.length, contextSize, "");
      const { seed } = job.sampling;
      const sampling = {
        ...job.sampling,
        seed: seed === -1 ? random32() >>> 0 : seed,
        ...(job.topLogprobs === undefined ? {} : { topLogprobs: job.topLogprobs }),
      };
      if (job.contextShift === true) backend.checkShift();
      await backend.checkSampling(sampling);
      return { job, prompt, sampling };
    },

    keep(prepared) {
      kept.delete(prepared.job.jobId);
      kept.set(prepared.job.jobId, prepared);
      for (const oldest of kept.keys()) {
        if (kept.size <= maxPrepared) break;
        kept.delete(oldest);
      }
    },

    take(job) {
      const prepared = kept.get(job.jobId);
      kept.delete(job.jobId);
      return prepared !== undefined && isSameRequest(prepared.job, job) ? { ...prepared, job } : undefined;
    },
  };
}

/** What a client may learn of an error; anything but a WaggleError is a defect of ours and stays in the log. */
export function failureOf(thrown: unknown): JobFailure {
  const { code, message, details } = WaggleError.from(thrown);
  return { code, message, ...(details === undefined ? {} : { details }) };
}

function promptOf(job: EngineJob): PromptInput {
  return job.messages === undefined
    ? { kind: "text", text: job.prompt ?? "" }
    : { kind: "messages", messages: job.messages, ...(job.tools === undefined ? {} : { tools: job.tools }) };
}

function countChars(input: PromptInput): number {
  if (input.kind === "text") return input.text.length;
  return input.messages.reduce((sum, message) => sum + message.content.length, 0);
}

/** Without a token there is nothing to sample from, and a prompt that fills the context leaves no room to. */
function checkLength(promptTokens: number, contextSize: number, qualifier: string): void {
  if (promptTokens === 0) throw new WaggleError("invalid_argument", "Cannot accept the prompt: it has no tokens.");
  if (promptTokens < contextSize) return;
  throw new WaggleError(
    "invalid_argument",
    `Cannot accept the prompt: it has ${qualifier}${promptTokens} tokens, and the context holds ${contextSize}, the answer included.`,
    { details: { n_prompt_tokens: promptTokens, n_ctx: contextSize } },
  );
}

/** A client may use the id of a refused job for another one, which must not run with the first one's prompt. */
function isSameRequest(a: EngineJob, b: EngineJob): boolean {
  const facts = (job: EngineJob): string =>
    JSON.stringify([job.prompt, job.messages, job.tools, job.sampling, job.topLogprobs, job.contextShift]);
  return facts(a) === facts(b);
}
