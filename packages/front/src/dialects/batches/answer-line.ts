// Answers a line of a batch as a request of the batch's client: the line goes through the same routes as the client's other requests.
import { randomUUID } from "node:crypto";
import type { AnswerLine, BatchRecord, LaneModel } from "@waggle/jobs";
import { WaggleError, errorKinds, refuseField } from "@waggle/protocol";
import type { ErrorCode } from "@waggle/protocol";
import { objectIn } from "../../body/parse-json.ts";
import type { AppEnv, AppOptions, ServedModels } from "../../server/context.ts";
import { anthropicError } from "../anthropic/errors.ts";
import { openAiError } from "../openai/errors.ts";
import { objectOf } from "./usage.ts";

export type LaneFetch = (request: Request, env: AppEnv["Bindings"]) => Response | Promise<Response>;

/** Errors that say nothing about the line: the line is asked again. No other code has their statuses. A line under which two engines died has failed. */
const passing: readonly ErrorCode[] = ["unavailable", "resource_exhausted", "cancelled"];
const passingStatuses: ReadonlySet<number> = new Set(passing.map((code) => errorKinds[code].status));

export function createAnswerLine(
  { access, accounts }: Pick<AppOptions, "access" | "accounts">,
  fetch: LaneFetch,
): AnswerLine {
  return async ({ path, body }, { id: batch, client, dialect }, signal) => {
    if (!access.localMode && access.tokens().rightsOf(client) === undefined) return undefined;
    const requestId = `req-${randomUUID()}`;
    const refusal = refusalOf(body);
    if (refusal !== undefined) {
      const error = errorBodies[dialect](refusal, requestId);
      return { status: refusal.status, requestId, body: JSON.stringify(error) };
    }
    try {
      await accounts.withinTokens(client, signal);
      const headers = { "content-type": "application/json", "x-request-id": requestId };
      const request = new Request(`http://lane${path}`, { method: "POST", headers, body, signal });
      const response = await fetch(request, { lane: { client, batch } });
      const text = await response.text();
      if (signal.aborted || passingStatuses.has(response.status)) return undefined;
      return { status: response.status, requestId, body: text };
    } catch {
      // The client's quota of the day is used up, or the line was taken back.
      return undefined;
    }
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
export function laneModelOf(models: Pick<ServedModels, "find">, name: string | undefined): LaneModel | undefined {
  try {
    const served = models.find(name);
    const { state, slots } = served.status();
    return { name: served.name, slots: slots?.total ?? served.info().slots, isLoaded: state === "ready" };
  } catch (error) {
    const { code } = WaggleError.from(error);
    if (code === "not_found" || code === "invalid_argument") return undefined;
    throw error;
  }
}
