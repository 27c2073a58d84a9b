import { once } from "node:events";
import { createServer } from "node:net";
import type { App } from "@waggle/front";
import { expect, test } from "vitest";
import { parseConfig } from "../config.ts";
import type { WorkerConfig } from "../config.ts";
import { openPorts } from "./ports.ts";

/** An app that answers with the greeting of the port. */
const app = {
  fetch: (_request: Request, env?: { greeting?: string }) => new Response(env?.greeting ?? "none"),
} as unknown as App;

function configOf(...flags: string[]): WorkerConfig {
  const parsed = parseConfig(["--local-mode", "--port", "0", "--ollama-port", "0", ...flags], {});
  return parsed.kind === "run" ? parsed.config : expect.fail(parsed.stderr);
}

const bodyOf = async (url: string): Promise<string> => await (await fetch(url)).text();

async function bindAgain(url: string): Promise<void> {
  const server = createServer().listen(Number(new URL(url).port), "127.0.0.1");
  await once(server, "listening");
  server.close();
}

test("Ollama's port leads to the same app with Ollama's greeting, and both ports are free after closing", async () => {
  const ports = await openPorts(app, configOf("--ollama"), () => {});
  const { url, ollamaUrl = "" } = ports;
  expect(ollamaUrl).not.toBe(url);
  expect([await bodyOf(url), await bodyOf(ollamaUrl)]).toEqual(["none", "Ollama is running"]);
  await ports.close();
  await bindAgain(url);
  await bindAgain(ollamaUrl);
});

test("a worker that leaves accepts no connection on either port", async () => {
  const ports = await openPorts(app, configOf("--ollama"), () => {});
  ports.stopAccepting();
  await ports.answered();
  for (const url of [ports.url, ports.ollamaUrl ?? ""]) await expect(bodyOf(url)).rejects.toThrow("fetch failed");
  await ports.close();
});

test("without --ollama the worker opens only its main port", async () => {
  const ports = await openPorts(app, configOf(), () => {});
  expect([ports.ollamaUrl, await bodyOf(ports.url)]).toEqual([undefined, "none"]);
  await ports.close();
});
