// Owns a worker with inline MCP tools for each test of a file, and its requests.
import type { StreamEvent } from "@waggle/protocol";
import { readEvents } from "./events.ts";
import { createInlineTools } from "./inline-tools.ts";
import type { AnswerCall, InlineTools } from "./inline-tools.ts";
import type { InlineWorker, InlineWorkerOptions } from "./inline-worker.ts";
import { useInlineWorker } from "./use-worker.ts";

export interface InlineTurns {
  readonly worker: InlineWorker;
  readonly tools: InlineTools;
  start(answer?: AnswerCall): Promise<void>;
  /** Starts a worker with these tools. */
  use(tools: InlineTools, options?: InlineWorkerOptions): InlineWorker;
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** The events of a native request. */
  ask(body: object): Promise<readonly StreamEvent[]>;
}

/** Call at the top of a test file. Each test has to start its worker. */
export function useInlineTurns(): InlineTurns {
  let tools: InlineTools;
  const { worker, start, call: request, post } = useInlineWorker();

  const turns: InlineTurns = {
    ...{ worker, request, post },
    get tools() {
      return tools;
    },
    async start(answer) {
      turns.use(await createInlineTools(answer));
    },
    use(next, options = {}) {
      tools = next;
      return start({ mcp: next.mcp, ...options });
    },
    ask: async (body) => (await readEvents(await turns.request("POST", "/v1/inference", body)).rest()).events,
  };
  return turns;
}

/** The fake model says the last such text of its prompt. */
export const say = (text: string): string => `[say:${encodeURIComponent(text)}]`;
export const call = (name: string, given: string | object): string =>
  `<tool_call>${JSON.stringify({ name, arguments: typeof given === "string" ? { text: given } : given })}</tool_call>`;
