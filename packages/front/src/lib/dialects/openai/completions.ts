// Owns the completions route: one prompt or several, from the body to their jobs and one answer.
import { CompletionRequestSchema, requestLimits } from "@waggle/protocol";
import type { CompletionRequest } from "@waggle/protocol";
import type { GenerateSpec, Job } from "@waggle/jobs";
import { readBody } from "../../body.ts";
import { leavingOf } from "../../connection.ts";
import type { AppContext, AppOptions } from "../../context.ts";
import type { Handler } from "../../dialect.ts";
import { unsupported } from "../../fields.ts";
import type { Generations } from "../../generations.ts";
import { requestContextOf } from "../../wishes.ts";
import type { TextLogprob } from "./answer.ts";
import { openAiCollector, openAiFraming, optionsOf } from "./framing.ts";
import { promptsOf, translateCompletion } from "./request.ts";
import { textCompletion } from "./text.ts";
import type { TextOptions } from "./text.ts";

export function completionsRoute(options: AppOptions, generations: Generations): Handler {
  const { dispatcher, limits, view } = options;

  /** What stands before the answers: the text of each prompt, if it is asked for. */
  async function echoedTexts(
    c: AppContext,
    { echo, prompt }: CompletionRequest,
  ): Promise<readonly string[] | undefined> {
    if (echo !== true) return undefined;
    const texts: string[] = [];
    for (const one of promptsOf(prompt)) {
      const isText = typeof one === "string";
      texts.push(isText ? one : (await dispatcher.query<"detokenize">(asText(one), leavingOf(c))).text);
    }
    return texts;
  }

  return async (c) => {
    const body = await readBody(c, CompletionRequestSchema, limits.maxBodyBytes);
    const context = requestContextOf(c, options, { streamed: body.stream === true });
    const specs = translateCompletion(body, context);
    const [{ choices, promptLogprobs = false }] = specs as [GenerateSpec];
    const shown = body.n ?? 1;
    const { slots } = view.info();
    if (choices > shown && choices > slots) throw unsupported("best_of", `the worker has ${slots} slots`);
    const texts = await echoedTexts(c, body);
    const scores = createPromptScores();
    const text: TextOptions = {
      ...(choices > shown ? { best: { of: choices, shown } } : {}),
      ...(texts === undefined
        ? {}
        : {
            echo(choice) {
              const index = Math.floor(choice / choices);
              return { text: texts[index] ?? "", logprobs: scores.of(index) };
            },
          }),
    };
    const completion = textCompletion(text);
    const answer = { choices: choices * specs.length, logprobs: body.logprobs != null };
    const shape = optionsOf(completion, view.info(), answer);
    const framing = () => openAiFraming(completion, shape, body.stream_options?.include_usage === true);
    const collector = () => openAiCollector(completion, shape);
    const [only] = specs;
    if (only !== undefined && specs.length === 1 && !promptLogprobs) {
      const kind =
        body.stream === true ? { kind: "streamed" as const, framing } : { kind: "collected" as const, collector };
      return await generations.respond(c, { spec: only, answer: kind });
    }
    return await generations.respondToSeveral(c, {
      specs,
      // Of one session there is one stream at a time.
      width: context.sessionId === undefined ? Math.max(1, Math.floor(slots / choices)) : 1,
      onAccepted: (job, index) => scores.follow(job, index),
      onEnded: (index) => scores.count(index),
      answer: body.stream === true ? { kind: "streamed", framing } : { kind: "collected", collector },
    });
  };
}

function asText(tokens: readonly number[]): { readonly kind: "detokenize"; readonly tokens: readonly number[] } {
  return { kind: "detokenize", tokens };
}

/** The logprobs of all prompts of a request: held until its answer leaves, so bounded together. */
interface PromptScores {
  follow(job: Job, index: number): void;
  /** @throws WaggleError invalid_argument when they have become too many */
  count(index: number): void;
  of(index: number): readonly TextLogprob[];
}

function createPromptScores(): PromptScores {
  const lists: (readonly TextLogprob[])[] = [];
  const most = requestLimits.promptLogprobs;
  let total = 0;
  return {
    follow: ({ promptLogprobs }, index) => void (lists[index] = promptLogprobs),
    count(index) {
      for (const { top } of lists[index] ?? []) total += 1 + top.length;
      if (total > most) throw unsupported("logprobs", `the prompts have more than ${most} of them; send fewer at once`);
    },
    of: (index) => lists[index] ?? [],
  };
}
