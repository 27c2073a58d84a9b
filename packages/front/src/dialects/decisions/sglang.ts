// Owns SGLang's format of decisions. The shapes follow SGLang's documentation (Decision models).
import type { SglangDecisionRequest, SglangDecisions } from "@waggle/protocol";
import type { Asked, Translated } from "./decide.ts";
import { promptFormatVersion } from "./prompt.ts";
import { choiceOption, levelOption, noulOptions, refuseEqual, settingsOf } from "./questions.ts";
import { render, withPictures } from "./state.ts";
import { byName } from "./system-one.ts";

type SglangQuestion = SglangDecisionRequest["questions"][number];
type Answer = SglangDecisions["answers"][string];

/** @throws WaggleError invalid_argument naming the field */
export function readSglang(body: SglangDecisionRequest): Translated {
  const questions = body.questions.map((question, at) => askedOf(question, `questions.${at}`));
  const ids = questions.map(({ id }) => id);
  refuseEqual(ids, (at) => `questions.${at}.id`);
  const state = withPictures(render(body.input, "input"), body.images ?? []);
  return {
    request: { ...settingsOf(body), state, questions, templateKwargs: body.chat_template_kwargs },
    answer: (decided, { model, usage: { prompt_tokens: tokens }, extras }): SglangDecisions => ({
      object: "decisions",
      model,
      prompt_format_version: promptFormatVersion,
      answers: Object.fromEntries(questions.map(({ id, answer }, at) => [id, answer(decided(at))])),
      usage: { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens },
      ...extras,
    }),
  };
}

function askedOf(question: SglangQuestion, field: string): Asked<Answer> {
  const { type, id } = question;
  const shared = { field, id, instructions: render(question.question, `${field}.question`) };
  switch (type) {
    case "yes_no":
      return {
        ...shared,
        type: "noul",
        options: noulOptions(question.yes, question.no),
        answer: ({ of, mass }) => ({ type, probabilities: byName(["yes", "no"], of), label_mass: mass }),
      };
    case "choice": {
      const names = question.options.map(({ name }) => name);
      const folded = names.map((name) => name.toLowerCase());
      refuseEqual(folded, (at) => `${field}.options.${at}.name`);
      return {
        ...shared,
        type,
        options: question.options.map(({ name, description }) => choiceOption(name, description)),
        answer: ({ of, best, mass }) => ({
          type,
          probabilities: byName(names, of),
          choice: names[best] ?? "",
          label_mass: mass,
        }),
      };
    }
    case "score":
      return {
        ...shared,
        type,
        options: question.levels.map(levelOption),
        answer: ({ of, score, mass }) => ({
          type,
          probabilities: byName(Object.keys(question.levels), of),
          score,
          label_mass: mass,
        }),
      };
  }
}
