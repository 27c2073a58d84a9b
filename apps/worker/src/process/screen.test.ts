import { createDaemonScreen, createOutput } from "@waggle/daemon/terminal";
import { createConflatedChannel } from "@waggle/async";
import type { LoadingEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { bannerOf, createWorkerScreen } from "./screen.ts";

const local = {
  localMode: true,
  version: "1.2.3",
  hiveUrl: undefined,
  natsUrl: undefined,
  backend: "llama",
  advertiseUrl: undefined,
  allowedHosts: [],
  command: "waggle",
} as const;
const facts = { url: "http://127.0.0.1:7711", ollamaUrl: undefined, models: ["Bee"] };

describe("the banner", () => {
  it("begins with the URL to open, the model and the mode", () => {
    const { title, rows } = bannerOf(facts, local);
    expect(title).toBe("Waggle 1.2.3");
    expect(rows).toEqual([
      ["Open", "http://127.0.0.1:7711"],
      ["Model", "Bee"],
      ["Mode", "local mode: this machine only, no token"],
    ]);
  });

  it("has lines to paste, with Ollama's port if it is open", () => {
    const pasted = (ollamaUrl: string | undefined): unknown => bannerOf({ ...facts, ollamaUrl }, local).more;
    expect(pasted(undefined)).toEqual([
      ["OpenAI", "OPENAI_BASE_URL=http://127.0.0.1:7711/v1 OPENAI_API_KEY=none"],
      ["Anthropic", "ANTHROPIC_BASE_URL=http://127.0.0.1:7711 ANTHROPIC_AUTH_TOKEN=none"],
      ["Ollama", "OLLAMA_HOST=http://127.0.0.1:7711"],
      ["Terminal", "waggle chat"],
    ]);
    expect(pasted("http://127.0.0.1:11434")).toContainEqual(["Ollama", "OLLAMA_HOST=http://127.0.0.1:11434"]);
  });

  it("names a program that the shell finds, also in a checkout", () => {
    const { more } = bannerOf(facts, { ...local, command: "npx waggle" });
    expect(more).toContainEqual(["Terminal", "npx waggle chat"]);
  });

  it("in network mode names this machine instead of a wildcard address, and the fleet without its password", () => {
    const open = { ...local, localMode: false, natsUrl: "nats://bee:secret@hive:4222" };
    const { rows, more } = bannerOf({ ...facts, url: "http://0.0.0.0:7711" }, open, "box");
    expect(rows).toContainEqual(["Open", "http://box:7711"]);
    expect(rows).toContainEqual(["Mode", "network mode: a token is needed"]);
    expect(rows).toContainEqual(["Fleet", "nats://hive:4222"]);
    expect(more).toContainEqual(["Terminal", "WAGGLE_API_TOKEN=<token> waggle chat --url http://box:7711"]);
  });

  it("names a URL whose host the worker accepts", () => {
    const behind = { ...local, localMode: false, allowedHosts: ["localhost"] };
    expect(bannerOf(facts, behind).rows).toContainEqual(["Open", "http://localhost:7711"]);
    const advertised = bannerOf(facts, { ...behind, advertiseUrl: "https://localhost:8443" });
    expect(advertised.rows).toContainEqual(["Open", "https://localhost:8443"]);
    expect(advertised.more).toContainEqual(["Ollama", "OLLAMA_HOST=https://localhost:8443"]);
    expect(bannerOf(facts, { ...behind, localMode: true }).rows).toContainEqual(["Open", "http://127.0.0.1:7711"]);
  });

  it("names the worker's URL if it is not the default", () => {
    const { more } = bannerOf({ ...facts, url: "http://127.0.0.1:7712" }, local);
    expect(more).toContainEqual(["Terminal", "waggle chat --url http://127.0.0.1:7712"]);
  });

  it("shows the number of models after the first four", () => {
    const { rows } = bannerOf({ ...facts, models: ["a", "b", "c", "d", "e", "f"] }, local);
    expect(rows).toContainEqual(["Models", "a, b, c, d, 2 more"]);
  });
});

it("shows the progress of loading only until the model is loaded", async () => {
  let text = "";
  const stream = { isTTY: true, columns: 80, write: (more: string) => (text += more) };
  const clock = createFakeClock();
  const screen = createWorkerScreen({
    config: local,
    screen: createDaemonScreen({ out: createOutput(stream, false), clock }),
    clock,
  });
  screen.opened(facts);
  const loading = createConflatedChannel<LoadingEvent>({ type: "loading", stage: "downloading", progress: 0.25 });
  screen.follow("Bee", loading);
  await new Promise(setImmediate);
  screen.downloading({ doneBytes: 158e6, totalBytes: 394e6, bytesPerSecond: 13.1e6, etaMs: 18_000 });
  loading.set({ type: "loading", stage: "downloading", progress: 0.4 });
  await new Promise(setImmediate);
  expect(text).toContain("Downloading Bee …  40 %  158 MB of 394 MB  13.1 MB/s  18 s left");
  loading.set({ type: "loading", stage: "loading", progress: 0.5 });
  await new Promise(setImmediate);
  expect(text).toContain("Downloading Bee …  25 %");
  expect(text).toContain("Loading Bee …  50 %");
  clock.advance(9_000);
  text = "";
  screen.ready("Bee", undefined);
  expect(text).toContain("Bee is ready, after 9 s.");
  text = "";
  loading.set({ type: "loading", stage: "loading", progress: 0.9 });
  await new Promise(setImmediate);
  expect(text).toBe("");
});
