// Owns `waggle decide`: asks a model one question about a text, and prints the probability of each answer.
import { createStatusLine } from "@waggle/daemon/terminal";
import { fileText, pipedText } from "../answer/input-text.ts";
import { exitCodes, wrongUse } from "../cli-error.ts";
import type { Context, Run, Words } from "../command.ts";
import { createProgressView } from "../terminal/progress.ts";
import { openSession } from "../worker/open-session.ts";
import { decisionText, massWarning, type Answer } from "./decision-text.ts";

export const run: Run = async (context, words) => {
  const { out, err, signal } = context;
  const asked = { questions: [questionOf(words)], ...settingsOf(words) };
  const input = await inputOf(context, words.list("file"));
  const progress = createProgressView(err);
  const wish = { url: words.text("url"), model: words.text("model"), onProgress: progress.show };
  const session = await openSession(context, wish).finally(progress.clear);
  const status = createStatusLine(err);
  try {
    status.show("deciding");
    const model = session.modelName === "" ? {} : { model: session.modelName };
    const decision = await session.client.decide({ ...model, input, ...asked }, { signal }).finally(status.clear);
    const [answer = {}] = (decision as { readonly answers?: readonly Answer[] }).answers ?? [];
    out.write(words.has("json") ? `${JSON.stringify(decision, undefined, 2)}\n` : decisionText(answer));
    if (!words.has("json")) err.write(massWarning(answer));
    return exitCodes.ok;
  } finally {
    await session.close();
  }
};

/** The question in the form of OpenAI's Decisions API. The worker checks the numbers of options and levels. */
function questionOf(words: Words): object {
  const [instructions] = words.args;
  const [choices, levels] = [words.list("choice"), words.list("level")];
  if (choices.length > 0 && levels.length > 0) {
    throw wrongUse("Cannot use --choice and --level in one question: options have no order, and levels have one.");
  }
  if (choices.length === 1 || levels.length === 1) {
    throw wrongUse("One option is no choice: name at least two with --choice or --level.");
  }
  if (levels.length > 0) return { type: "score", instructions, levels: levels.map((label) => ({ label })) };
  if (choices.length === 0) return { type: "predicate", instructions };
  return { type: "choice", instructions, choices: choices.map(choiceOf) };
}

/** @param text such as `replace=send a new one` */
function choiceOf(text: string): object {
  const [, value, description] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
  return { value, ...(description === undefined ? {} : { description }) };
}

function settingsOf(words: Words): object {
  const orders = words.text("orders");
  if (orders !== undefined && !["1", "2"].includes(orders))
    throw wrongUse(`Cannot use --orders ${orders}: use 1 or 2.`);
  const scoring = words.has("text") ? { scoring: "text" } : {};
  return orders === undefined ? scoring : { ...scoring, orders: Number(orders) };
}

async function inputOf(context: Context, files: readonly string[]): Promise<string> {
  const texts = [await pipedText(context)];
  for (const file of files) texts.push(await fileText(file, context));
  const input = texts.filter((text) => text !== "").join("\n\n");
  if (input !== "") return input;
  throw wrongUse("The text to decide on is missing: pipe it to stdin, or name a file with --file.");
}
