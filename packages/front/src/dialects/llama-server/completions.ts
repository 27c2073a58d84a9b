// Owns llama-server's completion and infill routes.
import { InfillRequestSchema, LlamaServerCompletionRequestSchema, WaggleError, refuseField } from "@waggle/protocol";
import type { GenerateWork, PromptInput } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import { lookAtBody, readBody } from "../../body/body.ts";
import type { AppContext, AppOptions, ServedModel } from "../../server/context.ts";
import { leavingOf } from "../../server/connection.ts";
import type { Handler } from "../../generation/dialect.ts";
import { schemaGrammarFor } from "../../body/fields.ts";
import { pictureReader } from "../../pictures/picture-reader.ts";
import type { Generations } from "../../generation/generations.ts";
import { requestContextOf } from "../../generation/base-job-spec.ts";
import type { AnswerOptions } from "./answer.ts";
import { llamaServerCollector, llamaServerFraming } from "./framing.ts";
import type { AnswersCollector } from "./framing.ts";
import { infillPromptOf, promptsOf, specOf } from "./request.ts";
import type { CompletionFields, LlamaServerContext, PicturedInput } from "./request.ts";
import { samplersOf } from "./samplers.ts";

type CompletionRouteName = "textCompletion" | "eitherCompletion" | "infill";

/** @param openAiCompletion answers requests to `/completions` in OpenAI's format */
export function createCompletionRoutes(
  options: AppOptions,
  generations: Generations,
  openAiCompletion: Handler,
): Record<CompletionRouteName, Handler> {
  const { models, schemas } = options;

  function contextOf(c: AppContext, served: ServedModel, streamed: boolean): LlamaServerContext {
    let leaving: AbortSignal | undefined;
    return {
      ...requestContextOf(c, options, served, { streamed }),
      schemaGrammar: schemaGrammarFor(schemas, c.get("client")),
      async tokensOf(text) {
        const question = { kind: "tokenize", text, addSpecial: false, parseSpecial: false, withPieces: false } as const;
        return (await served.query<"tokenize">(question, (leaving ??= leavingOf(c)), c.get("client"))).tokens;
      },
    };
  }

  async function answer(
    c: AppContext,
    served: ServedModel,
    body: CompletionFields,
    inputs: readonly PicturedInput[],
  ): Promise<Response> {
    const streamed = body.stream === true;
    const [input, ...others] = inputs;
    if (input === undefined) throw refuseField("prompt", "it is an empty list");
    if (streamed && others.length > 0) throw refuseField("stream", "only one prompt can be streamed");
    const spec = await specOf(body, input, contextOf(c, served, streamed));
    const specs = inputs.map(({ prompt, pictures }) => ({ ...spec, work: { ...spec.work, prompt, pictures } }));
    const { chain: samplers } = samplersOf(body.samplers);
    const endTokens = body.ignore_eos === true ? await endTokensOf(c, served) : [];
    const optionsOf = (job: Job, work: GenerateWork, index: number): AnswerOptions => ({
      // The answer may outlive the job, and must not keep its pictures.
      ...{ job, work: { ...work, pictures: undefined }, served, index, samplers, endTokens, streamed },
      promptText: plainPromptText(work.prompt),
    });
    if (streamed) {
      const framing = (job: Job) => llamaServerFraming(optionsOf(job, spec.work, 0), body);
      return await generations.respond(c, { spec, streamed, answer: { framing } });
    }
    const collectors: AnswersCollector[] = [];
    const answers: string[] = [];
    return await generations.respondToBatch(c, {
      specs,
      // One job at a time, so that a prompt finds the KV cache of the prompt before it.
      width: 1,
      onAccepted(job, at) {
        const { work } = specs[at] ?? spec;
        collectors[at] = llamaServerCollector(optionsOf(job, work, at * work.choices), body);
      },
      onEnded(at, end) {
        // Writes the JSON of each answer in a separate turn of the event loop, since all answers together may be long.
        for (const whole of collectors[at]?.body(end) ?? []) answers.push(JSON.stringify(whole));
      },
      streamed,
      answer: {
        collector: () => ({
          add: (token) => collectors[Math.floor((token.choice ?? 0) / spec.work.choices)]?.add(token),
          body: () => (answers.length === 1 ? answers.join() : `[${answers.join()}]`),
        }),
      },
    });
  }

  async function completion(c: AppContext): Promise<Response> {
    const { prompt, ...body } = await readBody(c, LlamaServerCompletionRequestSchema);
    const served = models.find(body.model);
    return await answer(c, served, body, await promptsOf(prompt, pictureReader(c, served)));
  }

  return {
    textCompletion: completion,
    async eitherCompletion(c) {
      const value = await lookAtBody(c, LlamaServerCompletionRequestSchema);
      const isOurs = typeof value === "object" && value !== null && "n_predict" in value;
      return isOurs ? await completion(c) : await openAiCompletion(c);
    },
    async infill(c) {
      const body = await readBody(c, InfillRequestSchema);
      const served = models.find(body.model);
      if (served.info().infill === false)
        throw new WaggleError("unimplemented", "Cannot fill in: this model was not trained to fill in.");
      return await answer(c, served, body, [{ prompt: infillPromptOf(body) }]);
    },
  };
}

async function endTokensOf(c: AppContext, { prompts, query }: ServedModel): Promise<readonly number[]> {
  const { eos: text } = await prompts();
  const question = { kind: "tokenize", text, addSpecial: false, parseSpecial: true, withPieces: false } as const;
  return text === "" ? [] : (await query<"tokenize">(question, leavingOf(c))).tokens;
}

function plainPromptText(prompt: PromptInput): string | undefined {
  if (prompt.kind !== "pieces") return undefined;
  const [first, ...rest] = prompt.pieces;
  return typeof first === "string" && rest.length === 0 ? first : undefined;
}
