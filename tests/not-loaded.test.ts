// A model that was never loaded, in a real worker: its file tells how it chats, from the build's own thread too.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { llamaTemplates } from "@waggle/chat-template/testing/llama-templates";
import { writeScriptedModel } from "@waggle/synth";
import { afterAll, expect, it } from "vitest";
import { killDaemons, spawnModelWorker } from "./support/daemon.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-not-loaded-"));
afterAll(async () => {
  await killDaemons();
  rmSync(folder, { recursive: true });
});

it("answers the first chat of a client of Ollama's, and says before what it can do", async () => {
  const path = join(folder, "bee.gguf");
  writeScriptedModel({ path, template: llamaTemplates().get("Qwen-Qwen3-0.6B") ?? "", context: 256 });
  const worker = await spawnModelWorker(["--model", `ant=${path}`, "--model", `bee=${path}`]);
  const post = async (route: string, body: object): Promise<Response> =>
    await fetch(`${worker.url}${route}`, { method: "POST", body: JSON.stringify({ model: "bee", ...body }) });

  const shown = (await (await post("/api/show", {})).json()) as { capabilities: string[] };
  expect(shown.capabilities).toEqual(["completion", "tools", "thinking"]);
  const { models } = (await (await fetch(`${worker.url}/api/ps`)).json()) as { models: unknown[] };
  expect(models).toEqual([]);

  const answer = await post("/api/chat", { messages: [{ role: "user", content: "Hello" }], think: false });
  expect(answer.status).toBe(200);
  expect((await answer.text()).trimEnd().split("\n").at(-1)).toContain('"done":true');
});
