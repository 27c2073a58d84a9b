// Asks workers about a model: whether they would accept a job's work, and the questions of an engine.
import { inBackground } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { picturesOf, withPictures } from "@waggle/engine";
import type { EngineQuery, EngineQueryResult, PromptInput, TemplateMessage, TemplatePart, Work } from "@waggle/engine";
import { storedPictures, type Chance, type GatewaySide } from "@waggle/fleet";
import { engineJobOf, preflightTimeoutMs, queryTimeoutMs } from "@waggle/jobs";
import type { Executor } from "@waggle/jobs";
import { failureError, failureOf, WaggleError } from "@waggle/protocol";

export interface Questions {
  readonly preflight: Executor["preflight"];
  /** Never throws. */
  query(question: EngineQuery, client: string): Promise<EngineQueryResult>;
}

export interface QuestionsOptions {
  readonly side: Pick<GatewaySide, "ask" | "pictures">;
  readonly model: string;
  /** The context size of the model; undefined while no worker has described the model. */
  readonly contextSize: () => number | undefined;
  readonly clock: Clock;
  readonly chance: Chance;
}

const lateError = new WaggleError(
  "unavailable",
  "Cannot ask about the pictures: the fleet did not store them in time.",
);

export function createQuestions({ side, model, contextSize, clock, chance }: QuestionsOptions): Questions {
  async function ask(question: EngineQuery, client: string): ReturnType<typeof side.ask<"query">> {
    const pictures = question.kind === "count" ? question.pictures : undefined;
    if (pictures === undefined)
      return await side.ask({ kind: "query", model, client, question }, { timeoutMs: queryTimeoutMs });
    const stored = storedPictures(chance.id(), pictures);
    const storing = new AbortController();
    const limit = clock.setTimeout(() => storing.abort(lateError), queryTimeoutMs);
    try {
      await side.pictures.put(stored.key, pictures, { client, signal: storing.signal });
      const bare = { ...question, pictures: undefined };
      const asked = { kind: "query", model, client, question: bare, pictures: stored } as const;
      return await side.ask(asked, { timeoutMs: queryTimeoutMs, ability: "pictures" });
    } finally {
      limit.cancel();
      inBackground("remove pictures of a question", side.pictures.remove(stored.key));
    }
  }

  return {
    async preflight(uid, asked) {
      try {
        const job = engineJobOf(uid, { ...asked, work: textsOf(asked.work) });
        const question = { kind: "preflight", model, job } as const;
        const timeoutMs = preflightTimeoutMs(job.work, contextSize());
        const { size } = await side.ask<"preflight">(question, { timeoutMs });
        return size ?? "unchecked";
      } catch (thrown) {
        const failure = failureOf(thrown);
        // Without an answer, the job counts as valid: the worker that runs the job checks the job again.
        if (failure.code === "unavailable" || failure.code === "internal") return "unchecked";
        throw failureError(failure);
      }
    },
    query: (question, client) =>
      ask(question, client).then(
        ({ result }) => result,
        (thrown: unknown) => ({ kind: "failed", failure: failureOf(thrown) }),
      ),
  };
}

/** A text that is not longer than a picture. */
const standIn = ".";

/**
 * The work with a short text in the place of each picture. Storing and decoding pictures takes longer than a preflight may, so a worker checks only the
 * rest; the worker that runs the job checks all of it.
 */
function textsOf(work: Work): Work {
  if (picturesOf(work) === undefined) return work;
  const bare = withPictures(work, undefined);
  if (bare.kind === "generate") return { ...bare, prompt: promptTexts(bare.prompt) };
  if (bare.kind !== "decide") return bare;
  const state = { ...bare.state, messages: bare.state.messages.map(messageTexts) };
  return { ...bare, state, readings: bare.readings.map((one) => ({ ...one, content: partTexts(one.content) })) };
}

function promptTexts(prompt: PromptInput): PromptInput {
  if (prompt.kind === "messages") return { ...prompt, messages: prompt.messages.map(messageTexts) };
  if (prompt.kind !== "pieces") return prompt;
  const pieces = prompt.pieces.map((piece) => (typeof piece === "object" && "picture" in piece ? standIn : piece));
  return { ...prompt, pieces };
}

function messageTexts(message: TemplateMessage): TemplateMessage {
  return typeof message.content === "string" ? message : { ...message, content: partTexts(message.content) };
}

function partTexts(parts: readonly TemplatePart[]): readonly TemplatePart[] {
  return parts.map((part) => (part.type === "image" ? { type: "text", text: standIn } : part));
}
