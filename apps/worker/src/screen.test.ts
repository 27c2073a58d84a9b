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
} as const;
const facts = { url: "http://127.0.0.1:7711", ollamaUrl: undefined, models: ["Bee"] };

describe("the banner", () => {
  it("begins with the address to open, the model and the mode", () => {
    const { title, rows } = bannerOf(facts, local);
    expect(title).toBe("Waggle 1.2.3");
    expect(rows).toEqual([
      ["Open", "http://127.0.0.1:7711"],
      ["Model", "Bee"],
      ["Mode", "local mode: this machine only, no token"],
    ]);
  });

  it("has lines to paste, with Ollama's own port where it listens there", () => {
    const pasted = (ollamaUrl: string | undefined): unknown => bannerOf({ ...facts, ollamaUrl }, local).more;
    expect(pasted(undefined)).toEqual([
      ["OpenAI", "OPENAI_BASE_URL=http://127.0.0.1:7711/v1 OPENAI_API_KEY=none"],
      ["Anthropic", "ANTHROPIC_BASE_URL=http://127.0.0.1:7711 ANTHROPIC_AUTH_TOKEN=none"],
      ["Ollama", "OLLAMA_HOST=http://127.0.0.1:7711"],
      ["Terminal", "waggle chat"],
    ]);
    expect(pasted("http://127.0.0.1:11434")).toContainEqual(["Ollama", "OLLAMA_HOST=http://127.0.0.1:11434"]);
  });

  it("of a network names this machine where the address names all, and the fleet without its password", () => {
    const open = { ...local, localMode: false, natsUrl: "nats://bee:secret@hive:4222" };
    const { rows, more } = bannerOf({ ...facts, url: "http://0.0.0.0:7711" }, open, "box");
    expect(rows).toContainEqual(["Open", "http://box:7711"]);
    expect(rows).toContainEqual(["Mode", "network mode: a token is needed"]);
    expect(rows).toContainEqual(["Fleet", "nats://hive:4222"]);
    expect(more).toContainEqual(["Terminal", "WAGGLE_API_TOKEN=<token> waggle chat"]);
  });

  it("counts the models beyond the first ones", () => {
    const { rows } = bannerOf({ ...facts, models: ["a", "b", "c", "d", "e", "f"] }, local);
    expect(rows).toContainEqual(["Models", "a, b, c, d, 2 more"]);
  });
});

it("follows the model until it is there, and says nothing of it afterwards", async () => {
  let text = "";
  const stream = { isTTY: true, columns: 80, write: (more: string) => (text += more) };
  const screen = createWorkerScreen({ config: local, stream, colors: false, clock: createFakeClock() });
  const loading = createConflatedChannel<LoadingEvent>({ type: "loading", stage: "downloading", progress: 0.25 });
  screen.follow("Bee", loading);
  await new Promise(setImmediate);
  loading.set({ type: "loading", stage: "loading", progress: 0.5 });
  await new Promise(setImmediate);
  expect(text).toContain("Downloading Bee …  25 %");
  expect(text).toContain("Loading Bee …  50 %");
  screen.ready("Bee", undefined, 1_234);
  text = "";
  loading.set({ type: "loading", stage: "loading", progress: 0.9 });
  await new Promise(setImmediate);
  expect(text).toBe("");
});
