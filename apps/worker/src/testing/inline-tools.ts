// Owns MCP servers without processes, for tests of turns: a server `s` whose tools the test answers.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mcp } from "@waggle/front";
import { createJournal } from "@waggle/mcp";
import type { CallOutcome, ServerTool, ToolServers } from "@waggle/mcp";

export interface InlineTools {
  readonly mcp: Mcp;
  /** All calls so far. */
  readonly calls: readonly { readonly tool: string; readonly given: Readonly<Record<string, unknown>> }[];
  /** Opens the journal again, as a new process does. */
  restart(answer: AnswerCall): Promise<InlineTools>;
}

export type AnswerCall = (
  tool: string,
  given: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
) => CallOutcome | Promise<CallOutcome>;

/** `free` needs no consent, `asked` does. */
export const serverTools: readonly ServerTool[] = ["free", "asked"].map((name) => ({
  functionName: `s__${name}`,
  server: "s",
  name,
  description: `Tool ${name}`,
  parameters: { type: "object", properties: { text: { type: "string" } } },
  allowed: name === "free",
}));

const done: AnswerCall = (_, { text }) => ({ kind: "done", text: String(text) });

export async function createInlineTools(
  answer: AnswerCall = done,
  folder = mkdtempSync(join(tmpdir(), "waggle-turns-")),
): Promise<InlineTools> {
  const calls: { tool: string; given: Readonly<Record<string, unknown>> }[] = [];
  const journal = await createJournal({ path: join(folder, "journal.jsonl"), now: () => Date.now() });
  const list: ToolServers["list"] = async () => [
    { name: "s", state: "ready", tools: serverTools, leftOut: ["odd name"] },
  ];
  return {
    calls,
    mcp: {
      journal,
      limits: { steps: 4, timeoutMs: 60_000 },
      servers: {
        names: ["s"],
        read: list,
        list,
        async call({ name }, given, { signal }) {
          calls.push({ tool: name, given });
          return await answer(name, given, signal);
        },
        close: async () => {},
      },
    },
    restart: async (then) => await createInlineTools(then, folder),
  };
}
