// Owns a worker whose model says what a test tells it to, whatever the length of the prompt that comes to it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkerClient } from "@waggle/client";
import { writeScriptedModel, type Script, type ScriptedModel, type ScriptedModelOptions } from "@waggle/synth";
import { spawnModelWorker, type Daemon } from "./daemon.ts";

type Body = Readonly<Record<string, unknown>>;

export interface ScriptedWorker extends Daemon {
  readonly client: WorkerClient;
  readonly model: ScriptedModel;
  /** Posts to the worker; whatever it answers. */
  post(path: string, body: Body): Promise<Response>;
  /**
   * From now on it answers each of these bodies of POST `path` so (of chat completions by default), and nothing else: asks how long each one's
   * prompt is, and puts the answer after it. One call for all turns of a conversation: what an earlier one said is gone.
   */
  prepare(...turns: readonly Turn[]): Promise<void>;
  /**
   * For clients that put their requests together themselves: the nth request for an answer that goes through it is answered with the nth
   * script, whatever it asks; each body is told before. What asks for no answer goes through as it is.
   */
  fetchSaying(says: readonly Script[], onBody?: (body: Body) => void): typeof fetch;
}

export interface Turn {
  readonly path?: string;
  readonly body: Body;
  readonly say: Script;
}

/** By path, what makes an answer as short as can be. */
const shortest: Readonly<Record<string, (body: Body) => Body>> = {
  "/v1/chat/completions": ({ max_completion_tokens: _, ...body }) => ({ ...body, max_tokens: 1 }),
  "/v1/responses": (body) => ({ ...body, max_output_tokens: 1, store: false }),
  "/v1/messages": (body) => ({ ...body, max_tokens: 1 }),
  "/api/chat": ({ options, ...body }) => ({ ...body, options: { ...(options as Body), num_predict: 1 } }),
  "/api/generate": ({ options, ...body }) => ({ ...body, options: { ...(options as Body), num_predict: 1 } }),
};

/** Of the prompt, in any dialect's words. */
function promptTokensOf(answer: { readonly usage?: Body; readonly prompt_eval_count?: number }): number {
  const { usage = {}, prompt_eval_count: evaluated } = answer;
  const counts = [usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]].map((count) =>
    Number(count ?? 0),
  );
  const own = Number(usage["prompt_tokens"] ?? usage["input_tokens"] ?? evaluated);
  return counts.reduce((sum, count) => sum + count, own);
}

/** Ready. It is gone with `killDaemons`, and its file with it. */
export async function spawnScriptedWorker(
  options: Omit<ScriptedModelOptions, "path">,
  args: readonly string[] = [],
): Promise<ScriptedWorker> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-scripted-"));
  const model = writeScriptedModel({ ...options, path: join(folder, "scripted.gguf") });
  const worker = await spawnModelWorker(["--model", model.path, ...args]).catch((error: unknown) => {
    rmSync(folder, { recursive: true });
    throw error;
  });
  void worker.exited.then(() => rmSync(folder, { recursive: true, force: true }));
  const post = async (path: string, body: Body): Promise<Response> =>
    await fetch(`${worker.url}${path}`, { method: "POST", body: JSON.stringify(body) });

  async function promptTokens(path: string, body: Body): Promise<number> {
    const { stream: _, stream_options: __, ...asked } = body;
    const response = await post(path, { ...(shortest[path]?.(asked) ?? asked), stream: false });
    if (response.status !== 200) throw new Error(`Cannot count a prompt: ${await response.text()}`);
    return promptTokensOf((await response.json()) as Body);
  }

  async function prepare(...turns: readonly Turn[]): Promise<void> {
    const answers = [];
    for (const { path = "/v1/chat/completions", body, say } of turns) {
      answers.push({ at: await promptTokens(path, body), say });
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
        if (shortest[path] === undefined) return await fetch(url, init);
        const body = JSON.parse(init?.body as string) as Body;
        onBody?.(body);
        await prepare({ path, body, say: says[next] ?? "" });
        next += 1;
        return await fetch(url, init);
      };
    },
  };
}
