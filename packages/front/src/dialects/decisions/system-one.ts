// Owns the System One format of decisions. The shapes follow TypeSafe's SDK and llama.cpp's tools/server/README.md.
import { isGiven, refuseField } from "@waggle/protocol";
import type { SystemOneAnswer, SystemOneQuestion, SystemOneRequest } from "@waggle/protocol";
import type { Translated } from "./decide.ts";
import { choiceOption, levelOption, noulOptions } from "./questions.ts";
import type { Option, Question } from "./questions.ts";
import { namedProbabilities } from "./readings.ts";
import type { Decided } from "./readings.ts";
import { render, withPictures } from "./state.ts";

/** @throws WaggleError invalid_argument naming the field */
export function readSystemOne(body: SystemOneRequest): Translated {
  const assets = new Map(Object.entries(body.assets ?? {}).map(([name, asset]) => [name, asset.data_base64]));
  const state = withPictures(withPictures(render(body.state, "state", assets), body.images), body.files);
  return {
    request: { ...body, state, questions: [...body.questions].map(questionOf) },
    answer: (decided, { prompt_tokens: tokens }): Omit<SystemOneAnswer, "model"> => ({
      answers: Object.fromEntries(decided.map((one) => [one.question.id, answerOf(one)])),
      usage: { input_tokens: tokens, output_tokens: 0 },
    }),
  };
}

function questionOf([id, question]: readonly [string, SystemOneQuestion]): Question {
  const { type, instructions: asked } = question;
  const field = `questions.${id}`;
  const instructions = isGiven(asked) ? render(asked, `${field}.instructions`) : undefined;
  const options = optionsOf(question);
  if (type === "noul" && instructions === undefined && options.every(({ description }) => description === undefined))
    throw refuseField(`${field}.instructions`, "they are missing, and so are criteria");
  return { type, id, field, instructions, options };
}

function optionsOf({ type, criteria }: SystemOneQuestion): readonly Option[] {
  if (type === "noul") return noulOptions(criteria?.true, criteria?.false);
  return type === "score" ? criteria.map(levelOption) : [...criteria].map((entry) => choiceOption(...entry));
}

function answerOf(decided: Decided): SystemOneAnswer["answers"][string] {
  const { question, of, choice, score, confidence, mass } = decided;
  const { type, options } = question;
  const shared = { probabilities: namedProbabilities(decided), confidence, x_label_mass: mass };
  switch (type) {
    case "noul":
      return { type, noul: of(0), x_label_mass: mass };
    case "choice":
      return { type, choice: String(choice), ...shared };
    case "score":
      return { type, score, legend: Object.fromEntries(options.map(({ value }) => value).entries()), ...shared };
  }
}
