// Runs a request for decisions: makes its work, waits for the job, and makes the answer with its receipt.
import { createHash } from "node:crypto";
import type { ChatFormat } from "@waggle/chat-format/format";
import { checkDecisionLimit } from "@waggle/engine";
import type { DecideWork, TemplatePart } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import type { DecisionAnswer, DecisionReceipt, DecisionRequest } from "@waggle/protocol";
import type { AppContext, AppOptions, ServedModel } from "../../server/context.ts";
import type { Generations } from "../../generation/generations.ts";
import { collectedJobOf } from "../../generation/base-job-spec.ts";
import { templateVariables } from "../../conversation/thinking.ts";
import { pictureReader } from "../../pictures/picture-reader.ts";
import { answerOf, questionOf, stateOf, usageOf } from "./openai.ts";
import { promptFormatVersion, statePrompt } from "./prompt.ts";
import type { Question } from "./questions.ts";
import { decidedOf, labelsOf, planOf } from "./readings.ts";
import type { Plan } from "./readings.ts";
import { sourcesIn } from "./state.ts";
import type { Parts } from "./state.ts";

/** Characters of an option in a prompt, about. */
const optionChars = 64;

/** @throws WaggleError */
export async function decide(
  c: AppContext,
  request: DecisionRequest,
  { models }: Pick<AppOptions, "models">,
  generations: Generations,
): Promise<DecisionAnswer> {
  const served = models.find(request.model);
  const state = stateOf(request.input);
  const questions = request.questions.map(questionOf);
  checkAnswers(questions, request);
  const format = await served.chatFormat();
  const plans = await plansOf(c, questions, request);
  const work = await workOf(c, state, { served, format, plans });
  const { job, end } = await generations.complete(c, { ...collectedJobOf(c, served), work });
  return {
    answers: decidedOf(plans, job.vectors).map((one, at) => answerOf(one, request.questions[at]?.name ?? null)),
    model: served.name,
    usage: usageOf(end.usage),
    ...(request.receipt === true ? { x_receipt: receiptOf(request, state, plans, work, job) } : {}),
  };
}

/** The engine counts the tokens of all answers. Each option has one at least, so many requests can be refused before their prompts exist. */
function checkAnswers(questions: readonly Question[], { orders, scoring }: DecisionRequest): void {
  const most = (scoring === "text" ? 2 : 1) * (orders ?? 1);
  const tokens = questions.reduce((sum, { type, options }) => sum + (type === "choice" ? most : 1) * options.length, 0);
  checkDecisionLimit("decisionNodes", tokens);
}

/** The plan of each question. */
async function plansOf(
  c: AppContext,
  questions: readonly Question[],
  request: DecisionRequest,
): Promise<readonly Plan[]> {
  const plans: Plan[] = [];
  for (const question of questions) {
    plans.push(planOf(question, request));
    // All prompts at once would delay streams: 400 questions with 255 options take a tenth of a second.
    await c.get("pace")((request.orders ?? 1) * question.options.length * optionChars);
  }
  return plans;
}

interface Planned {
  readonly served: ServedModel;
  readonly format: ChatFormat;
  readonly plans: readonly Plan[];
}

async function workOf(c: AppContext, state: Parts, planned: Planned): Promise<DecideWork> {
  const { served, format, plans } = planned;
  // An answer after a thought cannot be scored. Where thinking has no switch, the engine closes the thought.
  const thinking = format.abilities.thinkingSwitch === undefined ? {} : { enable_thinking: false };
  const variables = templateVariables(thinking, format);
  const readings = plans.flatMap((plan) => plan.readings);
  const prompt = statePrompt(state);
  const sources = [prompt, ...readings.map(({ content }) => content)].flatMap(sourcesIn);
  const { pictures, indexOf } = await pictureReader(c, served)(sources);
  const contentOf = (parts: Parts): readonly TemplatePart[] =>
    parts.map((part) => (part.type === "text" ? part : { type: "image", picture: indexOf(part.image_url.url) ?? 0 }));
  return {
    kind: "decide",
    state: { messages: [{ role: "user", content: contentOf(prompt) }], template: { variables } },
    ...(pictures.length === 0 ? {} : { pictures }),
    readings: readings.map(({ content, toOptions: _, ...reading }) => ({ ...reading, content: contentOf(content) })),
  };
}

/** All that is needed to repeat the answer. */
function receiptOf(
  { scoring, orders }: DecisionRequest,
  state: Parts,
  plans: readonly Plan[],
  work: DecideWork,
  { computedBy }: Pick<Job, "computedBy">,
): DecisionReceipt {
  const text = state.map((part) => (part.type === "text" ? part.text : part.image_url.url)).join("");
  return {
    prompt_format_version: promptFormatVersion,
    state_sha256: createHash("sha256").update(text).digest("hex"),
    labels: plans.map(labelsOf),
    scoring: scoring ?? "labels",
    orders: orders ?? 1,
    temperatures: plans.map(({ temperature }) => temperature),
    template_sha256: computedBy?.templateSha256 ?? null,
    model_sha256: computedBy?.modelSha256 ?? null,
    model_file: computedBy?.modelFile ?? null,
    pictures_sha256: (work.pictures ?? []).map(({ sha256 }) => sha256),
  };
}
