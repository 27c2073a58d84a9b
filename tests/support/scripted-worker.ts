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
   * From now on it answers each of these bodies of POST /v1/chat/completions so, and nothing else: asks how long each one's prompt is, and
   * puts the answer after it. One call for all turns of a conversation: what an earlier one said is gone.
   */
  prepare(...turns: readonly { readonly body: Body; readonly say: Script }[]): Promise<void>;
  /**
   * For clients that put their requests together themselves: the nth chat completion that goes through it is answered with the nth script,
   * whatever it asks; each body is told before.
   */
  fetchSaying(says: readonly Script[], onBody?: (body: Body) => void): typeof fetch;
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

  async function promptTokens(body: Body): Promise<number> {
    const { stream: _, stream_options: __, max_completion_tokens: ___, ...asked } = body;
    const response = await post("/v1/chat/completions", { ...asked, max_tokens: 1 });
    if (response.status !== 200) throw new Error(`Cannot count a prompt: ${await response.text()}`);
    return ((await response.json()) as { usage: { prompt_tokens: number } }).usage.prompt_tokens;
  }

  async function prepare(...turns: readonly { readonly body: Body; readonly say: Script }[]): Promise<void> {
    const answers = [];
    for (const { body, say } of turns) answers.push({ at: await promptTokens(body), say });
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
        const body = JSON.parse(init?.body as string) as Body;
        onBody?.(body);
        await prepare({ body, say: says[next] ?? "" });
        next += 1;
        return await fetch(url, init);
      };
    },
  };
}
