// Owns a worker whose model says what a test tells it to, whatever the length of the prompt that comes to it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAnswerPath, promptTokens, type Body } from "@waggle/testing/harness";
import { writeScriptedModel, type Script, type ScriptedModel, type ScriptedModelOptions } from "@waggle/testing/models";
import { spawnModelWorker, type ListeningWorker } from "./daemon.ts";

export interface ScriptedWorker extends ListeningWorker {
  readonly model: ScriptedModel;
  /** Posts to the worker; whatever it answers. */
  post(path: string, body: Body): Promise<Response>;
  /**
   * From now on it answers each of these bodies of POST `path` so (of chat completions by default), and nothing else: asks how long each one's
   * prompt is, and puts the answer after it. One call for all turns of a conversation: the answers of an earlier call are gone.
   */
  prepare(...turns: readonly Turn[]): Promise<void>;
  /**
   * For clients that put their requests together themselves: the nth request for an answer that goes through it is answered with the nth
   * script, whatever it asks; `onBody` gets each body before. What asks for no answer goes through as it is.
   */
  fetchSaying(says: readonly Script[], onBody?: (body: Body) => void): typeof fetch;
}

export interface Turn {
  readonly path?: string;
  readonly body: Body;
  readonly say: Script;
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

  async function prepare(...turns: readonly Turn[]): Promise<void> {
    const answers = [];
    for (const { path = "/v1/chat/completions", body, say } of turns) {
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
