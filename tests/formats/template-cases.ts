// Owns the check of one template's cases: a worker with a model that says each case's text, real tokens, and the answer held against what
// llama.cpp expects.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { matches, type LlamaCase } from "@waggle/chat-format/testing";
import { messageOf, startWorker, type ProcessGroups, type Worker } from "@waggle/testing/harness";
import type { ChatAbilities } from "@waggle/protocol";
import { writeScriptedModel, type ScriptedModel } from "@waggle/testing/models";
import { ask, requestOf } from "./ask-case.ts";

export interface CaseVerdict {
  readonly name: string;
  /** What came instead; undefined where the answer is as it should be, whole and by characters. */
  readonly reason: string | undefined;
}

/** Prompt and answer in bytes, for the longest of the templates. */
const context = 16_384;
const leaveLimitMs = 10_000;
const reasonChars = 600;

export interface TemplateCheck {
  readonly groups: ProcessGroups;
  /** Of the template. */
  readonly source: string;
  readonly cases: readonly LlamaCase[];
}

/** A worker that does not start fails all its cases. */
export async function checkTemplate({ groups, source, cases }: TemplateCheck): Promise<readonly CaseVerdict[]> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-formats-"));
  const verdicts: CaseVerdict[] = [];
  try {
    const model = writeScriptedModel({ path: join(folder, "scripted.gguf"), template: source, context });
    await using worker = await startWorker(groups, { flags: ["--model", model.path, "--slots", "1"] });
    const { chat } = await worker.client.info();
    if (chat === undefined) throw new Error("The worker does not say what its chat format is");
    for (const each of cases)
      verdicts.push({ name: each.name, reason: await wrongIn({ worker, model, chat }, each).catch(messageOf) });
    await worker.stop(leaveLimitMs);
    return verdicts;
  } catch (error) {
    return cases.map(({ name }) => ({ name, reason: messageOf(error) }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Stage {
  readonly worker: Worker;
  readonly model: ScriptedModel;
  readonly chat: ChatAbilities;
}

/** What came instead of what is expected, of the whole message or of what its pieces come to. */
async function wrongIn({ worker: { client }, model, chat }: Stage, each: LlamaCase): Promise<string | undefined> {
  const { text, expected, partial } = each;
  const request = requestOf(each, chat);
  model.say();
  const { end } = await ask(client, { ...request, max_tokens: 1 });
  model.say({ at: end.usage.prompt_tokens, say: text });
  const tokens = model.tokenize(text).length;
  // What breaks off in the recording is broken off here, and everything else says its end too.
  const answer = await ask(client, { ...request, max_tokens: partial ? tokens : tokens + 1 });
  const wrong = [answer.whole, answer.byCharacters].find((read) => !matches(expected, read));
  if (wrong === undefined) return undefined;
  const came = `${JSON.stringify(text)} came as ${JSON.stringify(wrong)}, and ${JSON.stringify(expected)} was due`;
  return came.slice(0, reasonChars);
}
