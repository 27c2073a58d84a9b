// Tests models that are not loaded yet, in a real worker: the worker reads their abilities and memory from the file.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import type { ModelStatuses } from "@waggle/protocol";
import { writeScriptedModel } from "@waggle/testing/models";
import { afterAll, expect, it } from "vitest";
import { killDaemons, spawnModelWorker } from "../support/daemon.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-not-loaded-"));
afterAll(killDaemons);

it("shows Ollama's clients what a model can do before it is loaded, and loads it for a chat", async () => {
  const path = join(folder, "bee.gguf");
  writeScriptedModel({ path, template: llamaTemplates().get("Qwen-Qwen3-0.6B") ?? "", context: 256 });
  const worker = await spawnModelWorker(["--model", `ant=${path}`, "--model", `bee=${path}`]);
  const post = async (route: string, body: object): Promise<Response> =>
    await fetch(`${worker.url}${route}`, { method: "POST", body: JSON.stringify({ model: "bee", ...body }) });

  const shown = (await (await post("/api/show", {})).json()) as { capabilities: string[] };
  expect(shown.capabilities).toEqual(["completion", "tools", "thinking", "decision"]);
  const { models } = (await (await fetch(`${worker.url}/api/ps`)).json()) as { models: unknown[] };
  expect(models).toEqual([]);

  const answer = await post("/api/chat", { messages: [{ role: "user", content: "Hello" }], think: false });
  expect(answer.status).toBe(200);
  expect((await answer.text()).trimEnd().split("\n").at(-1)).toContain('"done":true');
});

it("shows a model's memory before it is loaded, and loads it with contexts that fit into the memory budget", async () => {
  const mib = 2 ** 20;
  const path = fileURLToPath(new URL("../../models/waggle-tiny-stories.gguf", import.meta.url));
  const shared = ["--model", `ant=${path}`, "--model", path, "--slots", "64"];
  const statusOf = async (url: string, fits: (one: ModelStatuses["models"][number]) => boolean) => {
    const look = async () => ((await (await fetch(`${url}/v1/models/status`)).json()) as ModelStatuses).models[0];
    await expect.poll(async () => fits((await look()) ?? expect.fail("no model"))).toBe(true);
    return (await look()) ?? expect.fail("no model");
  };
  const load = async (url: string): Promise<string> =>
    await (await fetch(`${url}/v1/models/load`, { method: "POST", body: JSON.stringify({ model: "ant" }) })).text();

  const tight = await spawnModelWorker([...shared, "--memory-budget", "1MiB"]);
  const { memory, state } = await statusOf(tight.url, (one) => one.memory !== undefined);
  expect(state).toBe("unloaded");
  const least = memory?.total ?? 0;
  expect(least).toBeGreaterThan(50 * mib);
  expect(await load(tight.url)).toContain("the memory budget is 1 MiB");

  const roomy = await spawnModelWorker([...shared, "--memory-budget", String(Math.ceil(least))]);
  expect(await load(roomy.url)).toContain('"done"');
  expect(await statusOf(roomy.url, (one) => one.state === "ready")).toMatchObject({ context_size: 256 });
});
