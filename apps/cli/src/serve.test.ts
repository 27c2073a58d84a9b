import { expect, it } from "vitest";
import { presentLine } from "./serve.ts";
import { createStyle } from "./terminal/style.ts";

it("a person reads what is served, what to paste, and how it ends", () => {
  const style = createStyle(false);
  const listening = { type: "listening", url: "http://127.0.0.1:7711", pid: 1 } as const;
  expect(presentLine(listening, style)).toBe(`Waggle serves at http://127.0.0.1:7711

  Chat and status  http://127.0.0.1:7711
  OpenAI           OPENAI_BASE_URL=http://127.0.0.1:7711/v1 OPENAI_API_KEY=none
  Anthropic        ANTHROPIC_BASE_URL=http://127.0.0.1:7711 ANTHROPIC_AUTH_TOKEN=none
  Ollama           OLLAMA_HOST=http://127.0.0.1:7711
  Here             waggle chat

Ctrl-C stops.
`);
  expect(presentLine({ ...listening, ollama_url: "http://127.0.0.1:11434" }, style)).toContain(
    "OLLAMA_HOST=http://127.0.0.1:11434\n",
  );
  const ready = { type: "ready", url: "u", pid: 1, model: "Bee", backend: "llama", load_ms: 1_234 } as const;
  expect(presentLine(ready, style)).toBe("● Bee is ready, after 1 s.\n");
});
