// Owns the text completions route, for one or several prompts.
import { CompletionRequestSchema, refuseField } from "@waggle/protocol";
import type { CompletionRequest } from "@waggle/protocol";
import { readOpenAiBody } from "../../body/ignored-fields.ts";
import { leavingOf } from "../../server/connection.ts";
import type { AppContext, AppOptions, ServedModel } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { requestContextOf } from "../../generation/base-job-spec.ts";
import { openAiAnswer, optionsOf } from "./framing.ts";
import { createPromptScores } from "./prompt-scores.ts";
import { promptsOf, translateCompletion } from "./request.ts";
import { textCompletion } from "./text.ts";
import type { Echo } from "./text.ts";

export function completionsRoute(options: AppOptions, generations: Generations): Handler {
  const { models } = options;

  /** The text before each answer; undefined without `echo`. */
  async function echoedTexts(
    c: AppContext,
    { echo, prompt }: CompletionRequest,
    { query }: ServedModel,
  ): Promise<string[] | undefined> {
    if (echo !== true) return undefined;
    const leaving = leavingOf(c);
    const texts: string[] = [];
    for (const one of promptsOf(prompt)) {
      const isText = typeof one === "string";
      texts.push(
        isText ? one : (await query<"detokenize">({ kind: "detokenize", tokens: one }, leaving, c.get("client"))).text,
      );
    }
    return texts;
  }

  return async (c) => {
    const body = await readOpenAiBody(c, CompletionRequestSchema);
    const served = models.find(body.model);
    const streamed = body.stream === true;
    const context = requestContextOf(c, options, served, { streamed, keepAlive: body.keep_alive });
    const { spec, prompts } = translateCompletion(body, context);
    const { choices, promptLogprobs } = spec.work;
    const info = served.info();
    const shown = body.n ?? 1;
    if (choices > Math.max(shown, info.slots))
      throw refuseField("best_of", `it must be at most the number of slots, ${info.slots}`);

    const texts = await echoedTexts(c, body, served);
    const scores = createPromptScores();
    const echo = (choice: number): Echo => {
      const prompt = Math.floor(choice / choices);
      return { text: texts?.[prompt] ?? "", logprobs: scores.of(prompt) };
    };
    const completion = textCompletion({
      echo: texts === undefined ? undefined : echo,
      best: choices > shown ? { of: choices, shown } : undefined,
    });
    const shape = { choices: choices * prompts.length, logprobs: body.logprobs != null };
    // With several prompts, a chunk could not name the prompt of its progress and timings.
    const fields = prompts.length === 1 ? body : { ...body, return_progress: false, timings_per_token: false };
    const answer = openAiAnswer(completion, optionsOf(completion, info, shape), fields);

    const specs = prompts.map((prompt) => ({ ...spec, work: { ...spec.work, prompt } }));
    const [only] = specs;
    if (only !== undefined && specs.length === 1 && promptLogprobs !== true) {
      return await generations.respond(c, { spec: only, streamed, answer });
    }
    return await generations.respondToBatch(c, {
      specs,
      // A session has one job at a time.
      width: context.sessionId === undefined ? Math.max(1, Math.floor(info.slots / choices)) : 1,
      onAccepted: (job, prompt) => scores.follow(job, prompt),
      onEnded: (prompt) => scores.count(prompt),
      streamed,
      answer,
    });
  };
}
