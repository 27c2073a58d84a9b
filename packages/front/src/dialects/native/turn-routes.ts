// Owns the native dialect's turns: jobs with `mcp_tools`, which clients create, follow and cancel like other jobs; consent; and the list of servers.
import { randomBytes, randomUUID } from "node:crypto";
import { ConsentRequestSchema, WaggleError, routePath, workerRoutes } from "@waggle/protocol";
import type { GenerateRequest, JobAccepted, JobStatus, McpServers, Tool, mcpRoutes } from "@waggle/protocol";
import type { streamKeys } from "@waggle/jobs";
import type { GenerateSpec } from "@waggle/jobs";
import type { ServerTool, ToolServer } from "@waggle/mcp";
import { readBody } from "../../body/body.ts";
import { unsupported } from "../../body/fields.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import type { StepInput, Turn } from "../../turns/turn.ts";
import type { Turns } from "../../turns/turns.ts";
import { laterChoice, toolOf } from "../../turns/turn-tools.ts";

export type SpecOfBody = (body: GenerateRequest) => Promise<GenerateSpec>;

export interface NativeTurns {
  /** The function starts the turn of the request, or finds it. Undefined for a request without `mcp_tools`. Both throw WaggleErrors. */
  starter(c: AppContext, body: GenerateRequest, specOf: SpecOfBody, direct: boolean): (() => Promise<Turn>) | undefined;
  find(c: AppContext): Turn | undefined;
  ofSession(c: AppContext, sessionId: string): Turn | undefined;
}

export function createNativeTurns(turns: Turns | undefined, generations: Generations): NativeTurns {
  return {
    starter(c, body, specOf, direct) {
      const { mcp_tools: wanted, messages } = body;
      if (wanted === undefined || messages === undefined) return undefined;
      if (turns === undefined) throw unsupported("mcp_tools", "this daemon has no MCP servers (--mcp-config)");
      return async () => {
        const tools = await turns.tools(c.get("client"), wanted, "mcp_tools");
        const id = body.job_id ?? `job-${randomUUID()}`;
        return await turns.start({
          id,
          client: c.get("client"),
          sessionId: body.session_id,
          key: keyOf(c, body) ?? `job_id ${id}`,
          digest: c.get("bodyDigest") ?? "",
          onDisconnect: body.on_disconnect,
          direct,
          deadlineMs: body.deadline_ms,
          tools,
          specOf: (step) => specOf(bodyOf(body, tools, step)),
          async submit(spec, index) {
            return await generations.submit(c, { ...spec, id: stepIdOf(id, index) }, { index, mayLeave: true });
          },
        });
      };
    },
    find: (c) => turns?.find(c.get("client"), c.req.param("id") ?? ""),
    ofSession: (c, sessionId) => turns?.ofSession(c.get("client"), sessionId),
  };
}

/** The first jobs of equal keys are the same job, so the turns have to be the same too. */
function keyOf(c: AppContext, { job_id: id }: GenerateRequest): string | undefined {
  const key = c.req.header("idempotency-key");
  return id !== undefined || key === undefined ? undefined : `Idempotency-Key ${key}`;
}

/** Differs in each try of the turn: the registry still has the job of a step that failed. */
function stepIdOf(id: string, index: number): string {
  return `${id.slice(0, 100)}.step-${index}-${randomBytes(4).toString("hex")}`;
}

/** The request of a step. */
function bodyOf(body: GenerateRequest, tools: readonly ServerTool[], { messages, choice }: StepInput): GenerateRequest {
  const offered: readonly Tool[] = [...(body.tools ?? []), ...tools.map(toolOf)];
  return {
    ...body,
    messages: [...(body.messages ?? []), ...messages],
    tools: [...offered],
    // The messages of the turn follow the continued one.
    ...(messages.length > 0 ? { continue_final_message: false, add_generation_prompt: true } : {}),
    tool_choice: { given: body.tool_choice, later: laterChoice(body.tool_choice), none: "none" as const }[choice],
  };
}

export function acceptedTurn({ request: { id } }: Turn): JobAccepted {
  return { job_id: id, sse_url: routePath(workerRoutes.streamJob, { id }), state: "queued", position: 0 };
}

export function turnStatus({ request: { id, sessionId }, log }: Turn): JobStatus {
  const { terminal, nextToken: tokens } = log;
  const about = { job_id: id, ...(sessionId === undefined ? {} : { session_id: sessionId }), tokens };
  if (terminal === undefined) return { ...about, state: "decode", position: 0 };
  if (terminal.type === "error") {
    return { ...about, state: "failed", error: { code: terminal.code, message: terminal.message } };
  }
  const { finish_reason: reason, cancelled_by: by, usage, timings } = terminal;
  return {
    ...about,
    state: reason === "cancelled" ? "cancelled" : "finished",
    finish_reason: reason,
    ...(by === undefined ? {} : { cancelled_by: by }),
    usage,
    timings,
  };
}

export function turnKeys({ request: { id, sessionId } }: Turn): ReturnType<typeof streamKeys> {
  return sessionId === undefined ? { stream_id: id } : { stream_id: id, session_id: sessionId };
}

export function createMcpRoutes(
  turns: Turns | undefined,
  { limits }: Pick<AppOptions, "limits">,
): Record<keyof typeof mcpRoutes, Handler> {
  return {
    mcpServers: async (c) => c.json(answerOf((await turns?.servers(c.get("client"))) ?? [])),
    connectMcpServers: async (c) => c.json(answerOf((await turns?.list(c.get("client"))) ?? [])),
    async consent(c) {
      const { call_id: call, allow } = await readBody(c, ConsentRequestSchema, limits.maxBodyBytes);
      const turn = c.req.param("id") ?? "";
      if (turns?.consent({ client: c.get("client"), turn, call }, allow) !== true) {
        const shown = `call "${call.slice(0, 128)}" of job "${turn.slice(0, 128)}"`;
        throw new WaggleError("not_found", `Cannot give consent to ${shown}: no such call waits for consent.`);
      }
      return c.body(null, 204);
    },
  };
}

function answerOf(servers: readonly ToolServer[]): McpServers {
  return {
    servers: servers.map(({ name, state, problem, tools, leftOut }) => ({
      name,
      state,
      ...(problem === undefined ? {} : { problem }),
      tools: tools.map((tool) => ({
        name: tool.functionName,
        tool: tool.name,
        description: tool.description,
        needs_consent: !tool.allowed,
      })),
      left_out: [...leftOut],
    })),
  };
}
