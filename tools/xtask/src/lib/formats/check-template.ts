// Owns the check of one template's cases: a worker with a model that says each case's text, real tokens, and the answer held against what
// llama.cpp expects.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { matches, type LlamaCase } from "@waggle/chat-format/testing";
import { messageOf, startWorker, type ProcessGroups, type Worker } from "@waggle/harness";
import type { ChatAbilities } from "@waggle/protocol";
import { writeScriptedModel, type ScriptedModel } from "@waggle/synth";
import { ask, requestOf } from "./ask-case.ts";

export interface CaseVerdict {
  readonly name: string;
  readonly template: string;
  readonly whole: boolean;
  readonly byCharacters: boolean;
  /** Why not, where one of the two is false: what came instead. */
  readonly reason?: string;
}

/** Prompt and answer in bytes, for the longest of the templates. */
const context = 16_384;
const leaveLimitMs = 10_000;
const reasonChars = 600;

export interface TemplateCheck {
  readonly groups: ProcessGroups;
  readonly template: string;
  readonly source: string;
  readonly cases: readonly LlamaCase[];
  readonly onVerdict: (verdict: CaseVerdict) => void;
}

/** A worker that does not start fails all its cases. */
export async function checkTemplate({ groups, template, source, cases, onVerdict }: TemplateCheck): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-formats-"));
  const failed = ({ name }: LlamaCase, reason: string): CaseVerdict => ({
    ...{ name, template, whole: false, byCharacters: false, reason },
  });
  try {
    const model = writeScriptedModel({ path: join(folder, "scripted.gguf"), template: source, context });
    await using worker = await startWorker(groups, { flags: ["--model", model.path, "--slots", "1"] });
    const { chat } = await worker.client.info();
    if (chat === undefined) throw new Error("The worker does not say what its chat format is");
    for (const each of cases) {
      onVerdict(
        await checkCase({ worker, model, chat }, each).catch((error: unknown) => failed(each, messageOf(error))),
      );
    }
    await worker.stop(leaveLimitMs);
  } catch (error) {
    for (const each of cases) onVerdict(failed(each, messageOf(error)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Stage {
  readonly worker: Worker;
  readonly model: ScriptedModel;
  readonly chat: ChatAbilities;
}

async function checkCase({ worker: { client }, model, chat }: Stage, each: LlamaCase): Promise<CaseVerdict> {
  const { name, template, text, expected, partial } = each;
  const request = requestOf(each, chat);
  model.say();
  const { end } = await ask(client, { ...request, max_tokens: 1 });
  model.say({ at: end.usage.prompt_tokens, say: text });
  const tokens = model.tokenize(text).length;
  // What breaks off in the recording is broken off here, and everything else says its end too.
  const answer = await ask(client, { ...request, max_tokens: partial ? tokens : tokens + 1 });
  const whole = matches(expected, answer.whole);
  const byCharacters = matches(expected, answer.byCharacters);
  const reason = `${JSON.stringify(text)} came as ${JSON.stringify(whole ? answer.byCharacters : answer.whole)}, and ${JSON.stringify(expected)} was due`;
  return {
    name,
    template,
    whole,
    byCharacters,
    ...(whole && byCharacters ? {} : { reason: reason.slice(0, reasonChars) }),
  };
}
