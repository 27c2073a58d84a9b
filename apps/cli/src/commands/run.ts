// Owns `waggle run`: sends one prompt, prints the answer to stdout, and returns an exit code for its outcome.
import { InterruptedError, exitCodes, wrongUse } from "../cli-error.ts";
import type { Run, Words } from "../command.ts";
import { pipedText } from "../answer/input-text.ts";
import { parseSetting, requestOf } from "../answer/request-settings.ts";
import { showAnswer, statsOf } from "../answer/show-answer.ts";
import { createProgressView } from "../terminal/progress.ts";
import { createStatusLine } from "@waggle/daemon/terminal";
import { isFileOrReference, openSession } from "../worker/open-session.ts";

export const run: Run = async (context, words) => {
  const settings = Object.fromEntries(words.list("set").map(parseSetting));
  const isTyped = context.stdin.isTTY && context.out.isTerminal;
  const { model, prompt } = wishOf(words.args, await pipedText(context), isTyped);
  const progress = createProgressView(context.err);
  const wish = { url: words.text("url"), model, onProgress: progress.show };
  const session = await openSession(context, wish).finally(progress.clear);
  try {
    const system = words.text("system");
    const messages = [
      ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
      { role: "user" as const, content: prompt },
    ];
    const { out, err, signal } = context;
    const { events } = session.waggle.ask({ fields: requestOf({ messages, model: session.model, settings }), signal });
    // The status goes to stderr, so that a file or a program at stdout gets only the answer.
    const outcome = await showAnswer(events, { out, status: createStatusLine(err), forPerson: out.isTerminal, signal });
    if (outcome.stopped) throw new InterruptedError();
    if (outcome.error !== undefined) throw outcome.error;
    if (words.has("stats")) err.write(`${err.style.dim(statsOf(outcome))}\n`);
    return exitCodes.ok;
  } finally {
    await session.close();
  }
};

/**
 * Two arguments are a model and a prompt. A single argument that names a file or a reference is the model, and stdin must have the prompt. Any
 * other single argument is the prompt.
 * @param isTyped whether a person typed the command; then a word like `llama3.2:3b`, which Ollama's users type alone, is not taken for a prompt
 */
function wishOf(
  args: Words["args"],
  piped: string,
  isTyped: boolean,
): { readonly model: string | undefined; readonly prompt: string } {
  const usage = 'Example: waggle run "Why is the sky blue?"';
  if (args.length > 2) {
    throw wrongUse(`Too many arguments (${args.length}): put the prompt in quotes. ${usage}`);
  }
  const [first, second] = args;
  if (first !== undefined && second === undefined && isFileOrReference(first)) {
    if (piped !== "") return { model: first, prompt: piped };
    throw wrongUse(`The prompt is missing: ${first} is a model. ${usage.replace("run", `run ${first}`)}`);
  }
  if (isTyped && first !== undefined && second === undefined && isLikelyModel(first)) {
    throw wrongUse(`The prompt is missing: ${first} is probably a model. ${usage.replace("run", `run ${first}`)}`);
  }
  const model = second === undefined ? undefined : first;
  const prompt = [second ?? first ?? "", piped].filter((part) => part !== "").join("\n\n");
  if (prompt.trim() === "") throw wrongUse(`The prompt is missing. ${usage}`);
  return { model, prompt };
}

/** Whether a single word has the form of a model's name with a version or a tag: `qwen3`, `llama3.2:3b`, `hf.co/user/repo`. */
function isLikelyModel(word: string): boolean {
  const isName = /^(?:[\w.-]+\/){0,2}\w[\w.-]*(?::[\w.-]+)?$/.test(word) && !/\.gguf$/i.test(word);
  return isName && /^[a-z].*[\d:/]/i.test(word);
}
