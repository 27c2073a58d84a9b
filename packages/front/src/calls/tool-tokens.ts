// Owns what MCP tools cost in the prompts of a model: the tokens of each tool, and those of the text around them.
import type { ServerTool } from "@waggle/mcp";
import { WaggleError } from "@waggle/protocol";
import { countWithTools } from "../conversation/conversation.ts";
import type { AppContext, ServedModel } from "../server/context.ts";
import { toolOf } from "./tool-lookup.ts";

export interface ToolTokens {
  /** Tokens of the text around the tools, which a prompt has once. */
  readonly shared: number;
  readonly each: ReadonlyMap<ServerTool, number>;
}

/** Prompts that are counted at a time: other clients' queries wait for the engine too. */
const atATime = 16;
const conversation = { messages: [{ role: "user" as const, content: "Hello" }], options: {} };

/** Undefined while the model is not loaded, because a count must not load it, and when the engine cannot count now. */
export async function toolTokensOf(
  c: AppContext,
  served: ServedModel,
  tools: readonly ServerTool[],
): Promise<ToolTokens | undefined> {
  const [first] = tools;
  if (first === undefined || served.status().state !== "ready") return undefined;
  const count = async (offered: readonly ServerTool[]): Promise<number> =>
    await countWithTools(c, conversation, offered.length === 0 ? undefined : offered.map(toolOf), served);
  try {
    const [none, one, two] = await Promise.all([[], [first], [first, first]].map(count));
    // A second copy of a tool adds the tool's tokens and no text around it.
    const shared = 2 * (one ?? 0) - (two ?? 0) - (none ?? 0);
    const each = new Map<ServerTool, number>();
    for (let at = 0; at < tools.length; at += atATime) {
      const part = tools.slice(at, at + atATime);
      const counts = await Promise.all(part.map(async (tool) => await count([tool])));
      part.forEach((tool, index) => each.set(tool, Math.max(0, (counts[index] ?? 0) - (none ?? 0) - shared)));
    }
    return { shared: Math.max(0, shared), each };
  } catch (error) {
    if (error instanceof WaggleError) return undefined;
    throw error;
  }
}
