// Owns the System One format of decisions. The shapes follow TypeSafe's SDK and llama.cpp's tools/server/README.md.
import { refuseField } from "@waggle/protocol";
import type { SystemOneAnswer, SystemOneQuestion, SystemOneRequest } from "@waggle/protocol";
import type { Asked, Translated } from "./decide.ts";
import { choiceOption, levelOption, noulOptions, settingsOf } from "./questions.ts";
import type { Decided } from "./readings.ts";
import { render, withPictures } from "./state.ts";

type Answer = SystemOneAnswer["answers"][string];

/** @throws WaggleError invalid_argument naming the field */
export function readSystemOne(body: SystemOneRequest): Translated {
  if (body.state === undefined) throw refuseField("state", "is missing");
  const assets = new Map(Object.entries(body.assets ?? {}).map(([name, asset]) => [name, asset.data_base64]));
  const state = withPictures(render(body.state, "state", assets), [...(body.images ?? []), ...(body.files ?? [])]);
  const questions = [...body.questions].map(([id, question]) => askedOf(id, question));
  return {
    request: { ...settingsOf(body), state, questions },
    answer: (decided, { model, usage, extras }): SystemOneAnswer => ({
      model,
      answers: Object.fromEntries(questions.map(({ id, answer }, at) => [id, answer(decided(at))])),
      usage: { input_tokens: usage.prompt_tokens, output_tokens: 0 },
      ...extras,
    }),
  };
}

function askedOf(id: string, question: SystemOneQuestion): Asked<Answer> {
  const field = `questions.${id}`;
  const { instructions } = question;
  const isAsked = instructions != null && instructions !== "";
  const shared = { field, id, instructions: isAsked ? render(instructions, `${field}.instructions`) : undefined };
  switch (question.type) {
    case "noul": {
      const options = noulOptions(question.criteria?.true, question.criteria?.false);
      if (!isAsked && options.every(({ description }) => description === undefined))
        throw refuseField(`${field}.instructions`, "they are missing, and so are criteria");
      return {
        ...shared,
        type: "noul",
        options,
        answer: ({ of, mass }) => ({ type: "noul", noul: of(0), x_label_mass: mass }),
      };
    }
    case "choice": {
      const labels = [...question.criteria.keys()];
      return {
        ...shared,
        type: "choice",
        options: [...question.criteria].map((entry) => choiceOption(...entry)),
        answer: ({ of, best, confidence, mass }) => ({
          type: "choice",
          choice: labels[best] ?? "",
          probabilities: byName(labels, of),
          confidence,
          x_label_mass: mass,
        }),
      };
    }
    case "score":
      return {
        ...shared,
        type: "score",
        options: question.criteria.map(levelOption),
        answer: ({ of, score, confidence, mass }) => ({
          type: "score",
          score,
          legend: Object.fromEntries(question.criteria.entries()),
          probabilities: byName(Object.keys(question.criteria), of),
          confidence,
          x_label_mass: mass,
        }),
      };
  }
}

/** Made of entries, since `__proto__` is a legal name. */
export function byName(names: readonly string[], probabilityOf: Decided["of"]): Record<string, number> {
  return Object.fromEntries(names.map((name, at) => [name, probabilityOf(at)]));
}
