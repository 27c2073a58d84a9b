// Runs a request for decisions in any format: makes its work, waits for the job, and makes the answer with its receipt.
import { createHash } from "node:crypto";
import type { ChatFormat } from "@waggle/chat-format/format";
import { checkDecisionLimit } from "@waggle/engine";
import type { DecideWork, TemplatePart } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import type { DecisionReceipt, Usage } from "@waggle/protocol";
import type { AppContext, AppOptions, ServedModel } from "../../server/context.ts";
import type { Generations } from "../../generation/generations.ts";
import { collectedJobOf } from "../../generation/base-job-spec.ts";
import { templateVariables } from "../../conversation/thinking.ts";
import { pictureReader } from "../../pictures/picture-reader.ts";
import { promptFormatVersion, statePrompt } from "./prompt.ts";
import type { DecisionRequest } from "./questions.ts";
import { decidedOf, labelsOf, planOf } from "./readings.ts";
import type { Decided, Plan } from "./readings.ts";
import { sourcesIn } from "./state.ts";
import type { Rendered } from "./state.ts";

/** Characters of an option in a prompt, about. */
const optionChars = 64;

/** A request, and the format of its answer. */
export interface Translated {
  readonly request: DecisionRequest;
  /** @returns the answer without the fields that all formats have @param decided in the order of the questions */
  answer(decided: readonly Decided[], usage: Usage): object;
}

/** @throws WaggleError */
export async function decide(
  c: AppContext,
  { request, answer }: Translated,
  { models }: Pick<AppOptions, "models">,
  generations: Generations,
): Promise<object> {
  const served = models.find(request.model);
  checkAnswers(request);
  const format = await served.chatFormat();
  const plans = await plansOf(c, request);
  const work = await workOf(c, request, { served, format, plans });
  const { job, end } = await generations.complete(c, { ...collectedJobOf(c, served), work });
  return {
    ...answer(decidedOf(plans, job.vectors), end.usage),
    model: served.name,
    ...(request.receipt === true ? { x_receipt: receiptOf(request, plans, work, job) } : {}),
  };
}

/** The engine counts the tokens of all answers. Each option has one at least, so many requests can be refused before their prompts exist. */
function checkAnswers({ questions, orders, scoring }: DecisionRequest): void {
  const most = (scoring === "text" ? 2 : 1) * (orders ?? 1);
  const tokens = questions.reduce((sum, { type, options }) => sum + (type === "choice" ? most : 1) * options.length, 0);
  checkDecisionLimit("decisionNodes", tokens);
}

/** The plan of each question. */
async function plansOf(c: AppContext, request: DecisionRequest): Promise<readonly Plan[]> {
  const plans: Plan[] = [];
  for (const question of request.questions) {
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

async function workOf(c: AppContext, request: DecisionRequest, planned: Planned): Promise<DecideWork> {
  const { served, format, plans } = planned;
  // An answer after a thought cannot be scored. Where thinking has no switch, the engine closes the thought.
  const thinking = format.abilities.thinkingSwitch === undefined ? {} : { enable_thinking: false };
  const { chat_template_kwargs } = request;
  const variables = templateVariables({ ...thinking, chat_template_kwargs }, format);
  const readings = plans.flatMap((plan) => plan.readings);
  const prompt = statePrompt(request.state);
  const sources = [prompt, ...readings.map(({ content }) => content)].flatMap(sourcesIn);
  const { pictures, indexOf } = await pictureReader(c, served)(sources);
  const contentOf = (parts: Rendered["parts"]): readonly TemplatePart[] =>
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
  { state, scoring, orders }: DecisionRequest,
  plans: readonly Plan[],
  work: DecideWork,
  { computedBy }: Pick<Job, "computedBy">,
): DecisionReceipt {
  const text = state.parts.map((part) => (part.type === "text" ? part.text : part.image_url.url)).join("");
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
