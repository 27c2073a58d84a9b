// Checks the cases of one template: a worker's scripted model writes the text of each case, and the parsed answer is compared with llama.cpp's.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { matches, type LlamaCase } from "@waggle/chat-format/testing";
import { errorText, startWorker, type ProcessGroups, type Worker } from "@waggle/testing/harness";
import type { ChatAbilities } from "@waggle/protocol";
import { writeScriptedModel, type ScriptedModel } from "@waggle/testing/models";
import { ask, requestOf } from "./ask-case.ts";

export interface CaseVerdict {
  readonly name: string;
  /** How the answer differs; undefined if it is as expected, both collected and streamed. */
  readonly reason: string | undefined;
}

/** Context for the longest template: prompt and answer have a token for each byte. */
const context = 16_384;
const leaveLimitMs = 60_000;
const reasonChars = 600;

export interface TemplateCheck {
  readonly groups: ProcessGroups;
  /** The template's Jinja source. */
  readonly source: string;
  readonly cases: readonly LlamaCase[];
}

/** If the worker does not start, all cases fail. */
export async function checkTemplate({ groups, source, cases }: TemplateCheck): Promise<readonly CaseVerdict[]> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-formats-"));
  const verdicts: CaseVerdict[] = [];
  try {
    const model = writeScriptedModel({ path: join(folder, "scripted.gguf"), template: source, context });
    await using worker = await startWorker(groups, { flags: ["--model", model.path, "--slots", "1"] });
    const { chat } = await worker.client.info();
    if (chat === undefined) throw new Error("The worker does not describe its chat format");
    for (const each of cases)
      verdicts.push({ name: each.name, reason: await wrongIn({ worker, model, chat }, each).catch(errorText) });
    await worker.stop(leaveLimitMs);
    return verdicts;
  } catch (error) {
    return cases.map(({ name }) => ({ name, reason: errorText(error) }));
  }
}

interface Stage {
  readonly worker: Worker;
  readonly model: ScriptedModel;
  readonly chat: ChatAbilities;
}

/** @returns how the message at the end, or the joined pieces, differ from the expected answer */
async function wrongIn({ worker: { client }, model, chat }: Stage, each: LlamaCase): Promise<string | undefined> {
  const { text, expected, partial } = each;
  const request = requestOf(each, chat);
  model.say();
  const { end } = await ask(client, { ...request, max_tokens: 1 });
  model.say({ at: end.usage.prompt_tokens, say: text });
  const tokens = model.tokenize(text).length;
  // An answer that stops early in the recording stops at the same place here. All other answers need one more token, for their end.
  const answer = await ask(client, { ...request, max_tokens: partial ? tokens : tokens + 1 });
  const wrong = [answer.whole, answer.byCharacters].find((read) => !matches(expected, read));
  if (wrong === undefined) return undefined;
  const reason = `${JSON.stringify(text)} was parsed as ${JSON.stringify(wrong)} instead of ${JSON.stringify(expected)}`;
  return reason.slice(0, reasonChars);
}
