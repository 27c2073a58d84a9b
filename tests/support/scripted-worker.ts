// Starts a worker whose scripted model writes texts that a test chooses, after prompts of any length.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAnswerPath, promptTokens, type Body } from "@waggle/testing/harness";
import { writeScriptedModel, type Script, type ScriptedModel, type ScriptedModelOptions } from "@waggle/testing/models";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { sharedOnce, spawnModelWorker, type ListeningWorker, type SpawnOptions } from "./daemon.ts";

export interface ScriptedWorker extends ListeningWorker {
  readonly model: ScriptedModel;
  /** Posts to the worker, and returns its answer, also an error. */
  post(path: string, body: Body): Promise<Response>;
  /**
   * Sets the answers to these request bodies, by default of chat completions. The model writes an answer at the position after its
   * prompt, so the worker first counts the prompt's tokens. A call replaces the answers of earlier calls: pass all turns of a conversation together.
   */
  prepare(...scripted: readonly ScriptedAnswer[]): Promise<void>;
  /**
   * A `fetch` for clients that build their requests themselves: the nth request for an answer gets the nth script. Other requests pass unchanged.
   * @param onBody called with each request body before it is sent
   */
  fetchSaying(says: readonly Script[], onBody?: (body: Body) => void): typeof fetch;
}

export interface ScriptedAnswer {
  readonly path?: string;
  readonly body: Body;
  readonly say: Script;
}

/** A worker whose model has Qwen3's template: it thinks and calls tools. */
export const usualScriptedWorker = sharedOnce((options) => {
  const template = llamaTemplates().get("Qwen-Qwen3-0.6B") as string;
  return spawnScriptedWorker({ template, context: 8_192 }, ["--slots", "2"], options);
});

/** Resolves when the worker is ready. `killDaemons` ends it. */
export async function spawnScriptedWorker(
  options: Omit<ScriptedModelOptions, "path">,
  args: readonly string[] = [],
  spawnOptions: SpawnOptions = {},
): Promise<ScriptedWorker> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-scripted-"));
  const model = writeScriptedModel({ ...options, path: join(folder, "scripted.gguf") });
  const worker = await spawnModelWorker(["--model", model.path, ...args], spawnOptions);
  const post = async (path: string, body: Body): Promise<Response> =>
    await fetch(`${worker.url}${path}`, { method: "POST", body: JSON.stringify(body) });

  async function prepare(...scripted: readonly ScriptedAnswer[]): Promise<void> {
    const answers = [];
    for (const { path = "/v1/chat/completions", body, say } of scripted) {
      answers.push({ at: await promptTokens(worker.url, path, body), say });
    }
    model.say(...answers);
  }

  return {
    ...worker,
    model,
    post,
    prepare,
    fetchSaying(says, onBody) {
      let next = 0;
      return async (url, init) => {
        const path = new URL(url instanceof Request ? url.url : url).pathname;
        if (!isAnswerPath(path)) return await fetch(url, init);
        const body = JSON.parse(init?.body as string) as Body;
        onBody?.(body);
        await prepare({ path, body, say: says[next] ?? "" });
        next += 1;
        return await fetch(url, init);
      };
    },
  };
}
