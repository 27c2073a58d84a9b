// Speaks MCP with one server: opens a session, lists its tools, follows changes of the list, and calls tools.
import { failedOutcome } from "../connection/call-outcome.ts";
import type { CallOutcome } from "../connection/call-outcome.ts";
import { isObject } from "../connection/json.ts";
import type { JsonObject } from "../connection/json.ts";
import { serverLimits, toolLimits } from "../connection/limits.ts";
import { readError, readResult } from "../connection/read-result.ts";
import type { Answer, Channel, RequestOptions } from "./messages.ts";

/** The newest revision of MCP with sessions. A server may answer with an older one. */
const protocolVersion = "2025-11-25";

export interface ClientOptions {
  /** In messages to the model. */
  readonly server: string;
  readonly version: string;
  readonly channel: Channel;
  readonly onTools: (listed: readonly unknown[]) => void;
}

export interface McpClient {
  /** Opens the session and lists the tools. @returns why it cannot be opened */
  open(): Promise<string | undefined>;
  /** @returns the outcome, and whether the connection was lost */
  call(tool: string, given: JsonObject, options: RequestOptions): Promise<{ outcome: CallOutcome; lost?: string }>;
  onNotification(method: string): void;
}

export function createClient({ server, version, channel, onTools }: ClientOptions): McpClient {
  const named = `The MCP server "${server}"`;
  let hasTools = true;
  let reopening: Promise<string | undefined> | undefined;
  let listing: Promise<unknown> | undefined;
  let isChanged = false;

  async function initialize(): Promise<string | undefined> {
    const params = { protocolVersion, capabilities: {}, clientInfo: { name: "waggle", version } };
    const answer = await channel.request("initialize", params);
    if (answer.kind !== "result") return problemOf(answer);
    if (!isObject(answer.result)) return "it does not answer as an MCP server";
    const { protocolVersion: agreed, capabilities } = answer.result;
    const tools = isObject(capabilities) ? capabilities["tools"] : {};
    hasTools = tools !== undefined;
    channel.onInitialized(
      // It becomes the value of a header.
      typeof agreed === "string" && /^[\w.-]{1,32}$/.test(agreed) ? agreed : protocolVersion,
      isObject(tools) && tools["listChanged"] === true,
    );
    channel.notify("notifications/initialized");
    return undefined;
  }

  async function listTools(): Promise<string | undefined> {
    const listed: unknown[] = [];
    const cursors = new Set<unknown>();
    let cursor: unknown;
    for (let page = 0; hasTools && page < toolLimits.pages && listed.length < toolLimits.listed; page += 1) {
      const answer = await channel.request("tools/list", cursor === undefined ? {} : { cursor });
      if (answer.kind !== "result") {
        // The pages before can be used.
        if (page > 0 && answer.kind === "error") break;
        return problemOf(answer);
      }
      const { tools, nextCursor } = isObject(answer.result) ? answer.result : {};
      if (Array.isArray(tools)) listed.push(...tools.slice(0, toolLimits.listed));
      if (typeof nextCursor !== "string" || cursors.has(nextCursor)) break;
      cursor = nextCursor;
      cursors.add(cursor);
    }
    onTools(listed);
    return undefined;
  }

  /** Lists the tools again after a change. Changes that come meanwhile, and for a while after, are one list more. */
  function relist(): void {
    isChanged = true;
    listing ??= (async () => {
      while (isChanged) {
        isChanged = false;
        await listTools();
        await new Promise((resolve) => setTimeout(resolve, serverLimits.relistMs).unref());
      }
    })().finally(() => (listing = undefined));
  }

  /** A server that was restarted may have other tools. */
  async function reopen(): Promise<string | undefined> {
    const problem = await initialize();
    if (problem === undefined) relist();
    return problem;
  }

  return {
    async open() {
      return (await initialize()) ?? (await listTools());
    },
    async call(tool, given, options) {
      const send = async (): Promise<Answer> =>
        await channel.request("tools/call", { name: tool, arguments: given }, options);
      let answer = await send();
      if (answer.kind === "refused" && answer.isSession) {
        // The server has forgotten the session and did not run the call, so it is made in a new session.
        reopening ??= reopen().finally(() => (reopening = undefined));
        const problem = await reopening;
        if (problem !== undefined)
          return {
            outcome: failedOutcome("failed", `${named} cannot be used: ${problem}. The call was not sent.`),
            lost: problem,
          };
        answer = await send();
      }
      switch (answer.kind) {
        case "result":
          return { outcome: readResult(answer.result) };
        case "error":
          return { outcome: readError(answer.error) };
        case "refused":
          return { outcome: failedOutcome("failed", `${named} did not take the call: ${answer.problem}.`) };
        case "lost":
          return {
            outcome: answer.wasSent
              ? failedOutcome("unknown", `${named} was lost during the call: ${answer.problem}.`)
              : failedOutcome("failed", `${named} cannot be used: ${answer.problem}. The call was not sent.`),
            lost: answer.problem,
          };
      }
    },
    onNotification(method) {
      if (method === "notifications/tools/list_changed") relist();
    },
  };
}

/** The words of an error may quote secrets of the file, so only its code is shown. */
function problemOf(answer: Exclude<Answer, { kind: "result" }>): string {
  if (answer.kind !== "error") return answer.problem;
  const code = isObject(answer.error) ? answer.error["code"] : undefined;
  return typeof code === "number" ? `it answered with the error code ${code}` : "it does not answer as an MCP server";
}
