import { expect, it } from "vitest";
import { presentLine } from "./serve.ts";
import { createStyle } from "./terminal/style.ts";

it("a person reads what is served, what to paste, and how it ends", () => {
  const local = { style: createStyle(false), localMode: true, hostName: "hive-7" };
  const listening = { type: "listening", url: "http://127.0.0.1:7711", pid: 1 } as const;
  expect(presentLine(listening, local)).toBe(`Waggle serves at http://127.0.0.1:7711

  Chat and status  http://127.0.0.1:7711
  OpenAI           OPENAI_BASE_URL=http://127.0.0.1:7711/v1 OPENAI_API_KEY=none
  Anthropic        ANTHROPIC_BASE_URL=http://127.0.0.1:7711 ANTHROPIC_AUTH_TOKEN=none
  Ollama           OLLAMA_HOST=http://127.0.0.1:7711
  Here             waggle chat

Ctrl-C stops.
`);
  expect(presentLine({ ...listening, ollama_url: "http://127.0.0.1:11434" }, local)).toContain(
    "OLLAMA_HOST=http://127.0.0.1:11434\n",
  );
  const open = presentLine({ ...listening, url: "http://0.0.0.0:7711" }, { ...local, localMode: false });
  expect(open).toContain("OPENAI_BASE_URL=http://hive-7:7711/v1 OPENAI_API_KEY=<token>\n");
  expect(open).toContain("WAGGLE_API_TOKEN=<token> waggle chat\n");
  const ready = { type: "ready", url: "u", pid: 1, model: "Bee", backend: "llama", load_ms: 1_234 } as const;
  expect(presentLine(ready, local)).toBe("● Bee is ready, after 1 s.\n");
});
