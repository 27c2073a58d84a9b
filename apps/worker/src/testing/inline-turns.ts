// Owns a worker with inline MCP tools for each test of a file, and its requests.
import type { StreamEvent } from "@waggle/protocol";
import { afterEach } from "vitest";
import { readEvents } from "./events.ts";
import { createInlineTools } from "./inline-tools.ts";
import type { AnswerCall, InlineTools } from "./inline-tools.ts";
import { createInlineWorker } from "./inline-worker.ts";
import type { InlineWorker } from "./inline-worker.ts";

export interface InlineTurns {
  readonly worker: InlineWorker;
  readonly tools: InlineTools;
  start(answer?: AnswerCall): Promise<void>;
  /** Starts a worker with these tools. */
  use(tools: InlineTools, options?: Parameters<typeof createInlineWorker>[0]): void;
  request(method: string, path: string, body?: unknown): Promise<Response>;
  /** The events of a native request. */
  ask(body: object): Promise<readonly StreamEvent[]>;
}

/** Call at the top of a test file. Each test has to start its worker. */
export function useInlineTurns(): InlineTurns {
  let worker: InlineWorker;
  let tools: InlineTools;
  afterEach(async () => {
    await worker.close();
    tools.remove();
  });

  const turns: InlineTurns = {
    get worker() {
      return worker;
    },
    get tools() {
      return tools;
    },
    async start(answer) {
      turns.use(await createInlineTools(answer));
    },
    use(next, options = {}) {
      tools = next;
      worker = createInlineWorker({ mcp: next.mcp, ...options });
    },
    async request(method, path, body) {
      const init = { method, headers: { host: "127.0.0.1:7711" } };
      return await worker.app.request(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
    },
    ask: async (body) => (await readEvents(await turns.request("POST", "/v1/inference", body)).rest()).events,
  };
  return turns;
}

/** The fake model says the last such text of its prompt. */
export const say = (text: string): string => `[say:${encodeURIComponent(text)}]`;
export const call = (name: string, given: string | object): string =>
  `<tool_call>${JSON.stringify({ name, arguments: typeof given === "string" ? { text: given } : given })}</tool_call>`;
