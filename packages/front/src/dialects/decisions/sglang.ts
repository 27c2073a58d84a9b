// Owns SGLang's format of decisions. The shapes follow SGLang's documentation (Decision models).
import type { SglangDecisionRequest, SglangDecisions } from "@waggle/protocol";
import type { Translated } from "./decide.ts";
import { promptFormatVersion } from "./prompt.ts";
import { choiceOption, levelOption, noulOptions, refuseEqual } from "./questions.ts";
import type { Option, Question } from "./questions.ts";
import { namedProbabilities } from "./readings.ts";
import type { Decided } from "./readings.ts";
import { render, withPictures } from "./state.ts";

type SglangQuestion = SglangDecisionRequest["questions"][number];

/** @throws WaggleError invalid_argument naming the field */
export function readSglang(body: SglangDecisionRequest): Translated {
  const questions = body.questions.map(questionOf);
  refuseEqual(
    questions.map(({ id }) => id),
    (at) => `questions.${at}.id`,
  );
  return {
    request: { ...body, state: withPictures(render(body.input, "input"), body.images), questions },
    answer: (decided, { prompt_tokens: tokens }): Omit<SglangDecisions, "model"> => ({
      object: "decisions",
      prompt_format_version: promptFormatVersion,
      answers: Object.fromEntries(decided.map((one) => [one.question.id, answerOf(one)])),
      usage: { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens },
    }),
  };
}

function questionOf(question: SglangQuestion, at: number): Question {
  const field = `questions.${at}`;
  const type = question.type === "yes_no" ? "noul" : question.type;
  const instructions = render(question.question, `${field}.question`);
  return { type, id: question.id, field, instructions, options: optionsOf(question, field) };
}

function optionsOf(question: SglangQuestion, field: string): readonly Option[] {
  if (question.type === "yes_no") return noulOptions(question.yes, question.no);
  if (question.type === "score") return question.levels.map(levelOption);
  refuseEqual(
    question.options.map(({ name }) => name.toLowerCase()),
    (at) => `${field}.options.${at}.name`,
  );
  return question.options.map(({ name, description }) => choiceOption(name, description));
}

function answerOf(decided: Decided): SglangDecisions["answers"][string] {
  const { type } = decided.question;
  return {
    type: type === "noul" ? "yes_no" : type,
    probabilities: namedProbabilities(decided),
    ...(type === "choice" ? { choice: String(decided.choice) } : {}),
    ...(type === "score" ? { score: decided.score } : {}),
    label_mass: decided.mass,
  };
}
