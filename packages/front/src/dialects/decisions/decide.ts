// Runs a request for decisions in any format: makes its work, waits for the job, and makes the answer with its receipt.
import { createHash } from "node:crypto";
import type { DecideWork, TemplatePart } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import type { DecisionReceipt, Usage } from "@waggle/protocol";
import type { AppContext, AppOptions, ServedModel } from "../../server/context.ts";
import type { Generations } from "../../generation/generations.ts";
import { collectedJobOf } from "../../generation/base-job-spec.ts";
import { templateVariables } from "../../conversation/thinking.ts";
import { pictureReader } from "../../pictures/picture-reader.ts";
import { planOfReader, sharedVariables } from "./label-readers.ts";
import { promptFormatVersion, statePrompt } from "./prompt.ts";
import type { DecisionRequest, Question } from "./questions.ts";
import { decidedOf, planOf } from "./readings.ts";
import type { Decided, Plan } from "./readings.ts";
import type { Rendered } from "./state.ts";

/** Characters of an option in a prompt, about. */
const optionChars = 64;

/** A request, and the format of its answer. */
export interface Translated {
  readonly request: DecisionRequest;
  /** @param decided the answer to the question with this index */
  answer(decided: (question: number) => Decided, facts: AnswerFacts): unknown;
}

/** A question, and its answer in its format. */
export interface Asked<Answer> extends Question {
  readonly answer: (decided: Decided) => Answer;
}

export interface AnswerFacts {
  readonly model: string;
  readonly usage: Usage;
  /** Waggle's additions to the answer. */
  readonly extras: { readonly x_receipt?: DecisionReceipt };
}

/** @throws WaggleError */
export async function decide(
  c: AppContext,
  { request, answer }: Translated,
  { models }: Pick<AppOptions, "models">,
  generations: Generations,
): Promise<unknown> {
  const served = models.find(request.model);
  const { work, plans } = await workOf(c, request, served);
  const { job, end } = await generations.complete(c, { ...collectedJobOf(c, served), work });
  const decided = decidedOf(plans, job.vectors);
  const decidedAt = (question: number): Decided => {
    const one = decided[question];
    if (one === undefined) throw new RangeError(`No question ${question}`);
    return one;
  };
  return answer(decidedAt, {
    model: served.name,
    usage: end.usage,
    extras: request.receipt ? { x_receipt: receiptOf(request, { plans, work }, job) } : {},
  });
}

interface Planned {
  readonly work: DecideWork;
  /** For each question. */
  readonly plans: readonly Plan[];
}

async function workOf(c: AppContext, request: DecisionRequest, served: ServedModel): Promise<Planned> {
  const { state, questions, templateKwargs } = request;
  const format = await served.chatFormat();
  const { decisions } = format;
  const shared = decisions && sharedVariables(decisions.reader, request);
  const plans: Plan[] = [];
  for (const question of questions) {
    plans.push(decisions === undefined ? planOf(question, request) : planOfReader(decisions, question, request));
    // All prompts at once would delay streams: 400 questions with 255 options take a tenth of a second.
    await c.get("pace")(request.orders * question.options.length * optionChars);
  }
  const planned = plans.flatMap(({ readings }) => readings);
  if (shared !== undefined) {
    const readings = planned.map(({ options, ends, variables }) => ({ content: [], options, ends, variables }));
    const template = { name: "systemone", variables: shared } as const;
    return { plans, work: { kind: "decide", state: { messages: [], template }, readings } };
  }
  const prompt = statePrompt(state);
  const sources = [prompt, ...planned.map(({ content }) => content)].flatMap(sourcesIn);
  const { pictures, indexOf } = await pictureReader(c, served)(sources);
  const contentOf = (parts: Rendered["parts"]): readonly TemplatePart[] =>
    parts.map((part) => (part.type === "text" ? part : { type: "image", picture: indexOf(part.image_url.url) ?? 0 }));
  // An answer after a thought cannot be scored. Where thinking has no switch, the engine closes the thought.
  const thinking = format.abilities.thinkingSwitch === undefined ? {} : { enable_thinking: false };
  const variables = templateVariables({ ...thinking, chat_template_kwargs: templateKwargs }, format);
  return {
    plans,
    work: {
      kind: "decide",
      state: { messages: [{ role: "user", content: contentOf(prompt) }], template: { variables } },
      ...(pictures.length === 0 ? {} : { pictures }),
      readings: planned.map(({ content, options, ends }) => ({ content: contentOf(content), options, ends })),
    },
  };
}

function sourcesIn(parts: Rendered["parts"]): readonly string[] {
  return parts.flatMap((part) => (part.type === "text" ? [] : [part.image_url.url]));
}

/** All that is needed to repeat the answer. */
function receiptOf(
  { state, scoring, orders }: DecisionRequest,
  { plans, work }: Planned,
  { computedBy }: Pick<Job, "computedBy">,
): DecisionReceipt {
  const text = state.parts.map((part) => (part.type === "text" ? part.text : part.image_url.url)).join("");
  return {
    prompt_format_version: promptFormatVersion,
    state_sha256: createHash("sha256").update(text).digest("hex"),
    labels: plans.map(({ labels }) => [...labels]),
    scoring,
    orders,
    temperatures: plans.map(({ temperature }) => temperature),
    // The hash is that of the usual template.
    template_sha256: (work.state.template?.name === undefined ? computedBy?.templateSha256 : undefined) ?? null,
    model_sha256: computedBy?.modelSha256 ?? null,
    model_file: computedBy?.modelFile ?? null,
    pictures_sha256: (work.pictures ?? []).map(({ sha256 }) => sha256),
  };
}
