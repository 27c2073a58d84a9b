// Answers a line of a batch as a request of the batch's client: the line goes through the same routes as the client's other requests.
import { randomUUID } from "node:crypto";
import type { AnswerLine, BatchRecord, LaneFront, LaneModel } from "@waggle/jobs";
import { WaggleError, errorKinds, refuseField } from "@waggle/protocol";
import type { ErrorCode } from "@waggle/protocol";
import { objectIn } from "../../body/parse-json.ts";
import type { AppEnv, AppOptions, ServedModel } from "../../server/context.ts";
import { anthropicError } from "../anthropic/errors.ts";
import { openAiError } from "../openai/errors.ts";
import { objectOf } from "./usage.ts";

export type LaneFetch = (request: Request, env: AppEnv["Bindings"]) => Response | Promise<Response>;

/** Errors that say nothing about the line: the line is asked again. No other code has their statuses. A line under which two engines died has failed. */
const passing: readonly ErrorCode[] = ["unavailable", "resource_exhausted", "cancelled"];
const passingStatuses: ReadonlySet<number> = new Set(passing.map((code) => errorKinds[code].status));

export function createAnswerLine({ accounts }: Pick<AppOptions, "accounts">, fetch: LaneFetch): AnswerLine {
  return async ({ path, body }, { id: batch, client, dialect }, signal) => {
    const requestId = `req-${randomUUID()}`;
    const refusal = refusalOf(body);
    if (refusal !== undefined) {
      const error = errorBodies[dialect](refusal, requestId);
      return { status: refusal.status, requestId, body: JSON.stringify(error) };
    }
    // In the turn in which the lane has asked `refusalFor`, so that the next line is refused when this one takes the rest of the quota.
    const end = accounts.beginLine(client, requestId);
    try {
      const headers = { "content-type": "application/json", "x-request-id": requestId };
      const request = new Request(`http://lane${path}`, { method: "POST", headers, body, signal });
      const response = await fetch(request, { lane: { client, batch } });
      const text = await response.text();
      if (signal.aborted) return undefined;
      if (passingStatuses.has(response.status)) return String(objectOf(objectIn(text)?.["error"])["message"]);
      return { status: response.status, requestId, body: text };
    } catch (error) {
      return signal.aborted ? undefined : WaggleError.from(error).message;
    } finally {
      end();
    }
  };
}

export function createLineRefusal({
  access,
  accounts,
}: Pick<AppOptions, "access" | "accounts">): LaneFront["refusalFor"] {
  return (client) => {
    if (!access.localMode && access.tokens().rightsOf(client) === undefined) return "The client's token is gone.";
    const reason = accounts.lineRefusal(client);
    return reason && `The client's ${reason}.`;
  };
}

const errorBodies: Readonly<Record<BatchRecord["dialect"], (error: WaggleError, requestId: string) => unknown>> = {
  openai: openAiError,
  anthropic: anthropicError,
};

/** Why a line cannot have these values. */
const refused: readonly (readonly [field: string, isRefused: (value: unknown) => boolean, why: string])[] = [
  ["stream", (value) => value === true, "the answer to a line of a batch is not streamed"],
  ["store", (value) => value === true, "the answer to a line of a batch is in the batch's results"],
  ["background", (value) => value === true, "every line of a batch is answered in the background"],
  ["previous_response_id", (value) => value != null, "a line of a batch has its whole conversation"],
  ["tools", hasMcp, "no client waits for the answer to a line, and could consent to calls of MCP tools"],
];

function hasMcp(tools: unknown): boolean {
  return Array.isArray(tools) && tools.some((tool) => objectOf(tool)["type"] === "mcp");
}

function refusalOf(json: string): WaggleError | undefined {
  const body = objectIn(json) ?? {};
  const found = refused.find(([field, isRefused]) => isRefused(body[field]));
  return found && refuseField(found[0], found[2]);
}

/** @param name undefined: the default model */
export function laneModelOf(
  models: { find(name: string | undefined): Pick<ServedModel, "name" | "lane"> },
  name: string | undefined,
): LaneModel | undefined {
  try {
    const served = models.find(name);
    return { name: served.name, ...served.lane() };
  } catch (error) {
    const { code } = WaggleError.from(error);
    if (code === "not_found" || code === "invalid_argument") return undefined;
    throw error;
  }
}
