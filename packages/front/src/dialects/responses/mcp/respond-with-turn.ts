// Answers a request with MCP tools: starts its turn, and writes the turn's events as one response.
import { randomBytes } from "node:crypto";
import type { Picture } from "@waggle/engine";
import type { GenerateSpec } from "@waggle/jobs";
import type { ServerTool } from "@waggle/mcp";
import { WaggleError } from "@waggle/protocol";
import type { Message, ResponseRequest } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { RequestContext } from "../../../generation/base-job-spec.ts";
import { factsOf } from "../../../generation/generations.ts";
import type { Generations } from "../../../generation/generations.ts";
import { retryMarkOf } from "../../../generation/retries.ts";
import type { AppContext } from "../../../server/context.ts";
import { completeEndOf } from "../../../stream/framed-chunks.ts";
import type { Turn } from "../../../turns/turn.ts";
import type { TurnLog } from "../../../turns/turn-log.ts";
import type { Turns } from "../../../turns/turns.ts";
import { responseCollector, responseFraming } from "../framing.ts";
import type { ResponseShape } from "../framing.ts";
import { createNumbering } from "../numbering.ts";
import { createOutput } from "../output.ts";
import type { OutputItem } from "../output.ts";
import { endedResponse, failedResponse, isCut } from "../response.ts";
import type { RequestEcho, ResponseHead } from "../response.ts";
import type { EndedResponse, ResponseStore } from "../store.ts";
import type { Toolbox } from "../tools.ts";
import { toolListsOf } from "./response-tools.ts";

export interface AskedResponse {
  readonly body: ResponseRequest;
  readonly context: RequestContext;
  readonly mcpTools: readonly ServerTool[];
  readonly toolbox: Toolbox;
  readonly fields: RequestEcho & Pick<ResponseHead, "created_at" | "model">;
  /** The parts of the request that the response store keeps. */
  readonly kept: { readonly input: (key: string) => readonly OutputItem[]; readonly pictures: readonly Picture[] };
  /** The job of a step, after these messages of the turn. */
  readonly specOf: (functions: Toolbox["functions"], messages: readonly Message[]) => Promise<GenerateSpec>;
  readonly streamed: boolean;
}

export interface TurnServices {
  readonly turns: Turns;
  /** All streams of a turn have the same numbers and the same ids of lists. */
  readonly turnShapes: WeakMap<TurnLog, ResponseShape>;
  readonly generations: Generations;
  readonly store: ResponseStore;
  readonly log: Logger;
}

export async function respondWithTurn(
  c: AppContext,
  { body, context, mcpTools, toolbox, fields, kept, specOf, streamed }: AskedResponse,
  { turns, turnShapes, generations, store, log }: TurnServices,
): Promise<Response> {
  const client = c.get("client");
  const id = `resp_${randomBytes(16).toString("hex")}`;
  const start = async (): Promise<Turn> =>
    await turns.start({
      id,
      client,
      sessionId: context.sessionId,
      key: await turnKeyOf(c, id, turns),
      digest: c.get("bodyDigest") ?? "",
      onDisconnect: "cancel",
      direct: true,
      deadlineMs: context.deadlineMs,
      tools: mcpTools,
      specOf: ({ messages, choice }) => specOf(choice === "none" ? [] : toolbox.functions, messages),
      async submit(spec, index) {
        return await generations.submit(c, { ...spec, id: `${id}.step-${index}` }, { index, streamed, mayLeave: true });
      },
    });
  function shapeOf(turn: Turn): ResponseShape {
    const earlier = store.find(client, turn.request.id);
    const shape: ResponseShape = turnShapes.get(turn.log) ?? {
      head: earlier?.head ?? { ...fields, id: turn.request.id },
      numbering: createNumbering(),
      key: turn.request.id.slice("resp_".length),
      fromFunctionName: toolbox.fromFunctionName,
      toolLists: toolListsOf(mcpTools),
    };
    turnShapes.set(turn.log, shape);
    if (body.store !== false && earlier === undefined) {
      const previousId = body.previous_response_id ?? undefined;
      store.keep(client, { head: shape.head, previousId, input: kept.input(shape.key), pictures: kept.pictures });
      turn.ended
        .then(() => store.end(client, shape.head.id, endedTurn(turn, shape)))
        .catch((error: unknown) => log.error({ err: error }, "response_not_kept"));
    }
    return shape;
  }

  if (streamed) {
    return await generations.streamTurn(c, start, -1, (turn) => responseFraming(shapeOf(turn), -1, body));
  }
  const turn = await start();
  return await generations.collectTurn(c, turn, responseCollector(shapeOf(turn)));
}

/** A client that sends the request again, after a restart too, continues the turn of its first try. SDKs that retry alone send no key, but a count. */
async function turnKeyOf(c: AppContext, id: string, turns: Turns): Promise<string> {
  const key = c.req.header("idempotency-key");
  if (key !== undefined) return `Idempotency-Key ${key}`;
  const mark = retryMarkOf(factsOf(c, 0));
  if (mark === undefined) return `response ${id}`;
  const earlier = mark.again ? await turns.newestKey(c.get("client"), "try ", c.get("bodyDigest") ?? "") : undefined;
  return earlier ?? `try ${id}`;
}

function endedTurn({ log }: Turn, shape: ResponseShape): EndedResponse {
  const output = createOutput(shape);
  const { head } = shape;
  try {
    for (const event of log.events) {
      if (event.type === "token") output.add(event);
      if (event.type === "tool_result") output.addResult(event);
    }
    if (log.terminal === undefined) throw new Error("The turn has ended without a terminal event");
    const end = completeEndOf(log.terminal);
    output.end(isCut(end) ? "incomplete" : "completed");
    return { response: endedResponse(head, output, end), output: output.items };
  } catch (error) {
    return { response: failedResponse(head, output, WaggleError.from(error)), output: output.items };
  }
}
