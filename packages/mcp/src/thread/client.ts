// Speaks MCP with one server: opens a session, lists its tools, follows changes of the list, and calls tools.
import { inBackground } from "@waggle/async";
import { failedOutcome } from "../connection/call-outcome.ts";
import type { CallOutcome } from "../connection/call-outcome.ts";
import { isObject } from "../connection/json.ts";
import type { JsonObject } from "../connection/json.ts";
import { serverLimits as limits, toolLimits } from "../connection/limits.ts";
import { headersOfCall, headerText, paramHeadersOf } from "../connection/param-headers.ts";
import type { ParamHeaders } from "../connection/param-headers.ts";
import { readError, readResult } from "../connection/read-result.ts";
import type { Answer, Channel, RequestOptions } from "./messages.ts";

/** The newest revision of MCP with sessions. A server may answer with an older revision. */
const protocolVersion = "2025-11-25";
/** The revision without sessions, which Waggle uses over HTTP with servers that have it. */
const statelessVersion = "2026-07-28";
/** Codes of the revision without sessions: the version of a request, or a header, is not the server's. */
const [wrongVersion, wrongHeader] = [-32_022, -32_020];

export interface ClientOptions {
  /** In messages to the model. */
  readonly server: string;
  readonly version: string;
  readonly channel: Channel;
  readonly isHttp: boolean;
  /** `hasHeaders`: calls repeat parameters as headers. */
  readonly onTools: (listed: readonly unknown[], hasHeaders: boolean) => void;
}

export interface McpClient {
  /** Opens the session and lists the tools. @returns why it cannot be opened */
  open(): Promise<string | undefined>;
  /** @returns the outcome, and whether the connection was lost */
  call(tool: string, given: JsonObject, options: RequestOptions): Promise<{ outcome: CallOutcome; lost?: string }>;
  onNotification(method: string): void;
}

export function createClient({ server, version, channel, isHttp, onTools }: ClientOptions): McpClient {
  const named = `The MCP server "${server}"`;
  const clientInfo = { name: "waggle", version };
  let isStateless = false;
  let headersByTool: ReadonlyMap<string, ParamHeaders> = new Map();
  let hasTools = true;
  let reopening: Promise<string | undefined> | undefined;
  let listing: Promise<unknown> | undefined;
  let isChanged = false;

  /** A request without a session has in its body and its headers what a session would know. */
  async function request(method: string, params: JsonObject, options: RequestOptions = {}): Promise<Answer> {
    if (!isStateless) return await channel.request(method, params, options);
    const { name, arguments: given } = params;
    const named = typeof name === "string" ? headersByTool.get(name) : undefined;
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": statelessVersion,
      "io.modelcontextprotocol/clientInfo": clientInfo,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const headers = {
      "mcp-protocol-version": statelessVersion,
      "mcp-method": method,
      ...(typeof name === "string" ? { "mcp-name": headerText(name) } : {}),
      ...(named !== undefined && isObject(given) ? headersOfCall(named, given) : {}),
    };
    return await channel.request(method, { ...params, _meta }, { ...options, headers });
  }

  /** Asks a server over HTTP for the revision without sessions. @returns whether it has the revision; any refusal is a no */
  async function discover(): Promise<boolean> {
    isStateless = true;
    const ask = async (): Promise<Answer> =>
      await request("server/discover", {}, { signal: AbortSignal.timeout(limits.discoverMs) });
    let answer = await ask();
    if (answer.kind === "error" && rpcErrorCode(answer.error) === wrongVersion && namesRevision(answer.error))
      answer = await ask();
    const { supportedVersions, capabilities } =
      answer.kind === "result" && isObject(answer.result) ? answer.result : {};
    isStateless = Array.isArray(supportedVersions) && supportedVersions.includes(statelessVersion);
    if (isStateless && readTools(capabilities)) inBackground("follow the tools", followTools());
    return isStateless;
  }

  /** @returns whether the server announces changes of its tools */
  function readTools(capabilities: unknown): boolean {
    const tools = isObject(capabilities) ? capabilities["tools"] : {};
    hasTools = tools !== undefined;
    return isObject(tools) && tools["listChanged"] === true;
  }

  /** Receives the changes of the tools on the stream of a request, and asks for the stream again until the server refuses it. */
  async function followTools(): Promise<void> {
    for (;;) {
      const { kind } = await request("subscriptions/listen", { notifications: { toolsListChanged: true } });
      if (kind === "error" || kind === "refused") return;
      await new Promise((resolve) => setTimeout(resolve, limits.longestResumeMs).unref());
      // The server does not repeat what it announced meanwhile.
      relist();
    }
  }

  async function initialize(): Promise<string | undefined> {
    const answer = await request("initialize", { protocolVersion, capabilities: {}, clientInfo });
    if (answer.kind !== "result") return answerProblem(answer);
    if (!isObject(answer.result)) return "it does not answer as an MCP server";
    const { protocolVersion: agreed, capabilities } = answer.result;
    channel.onInitialized(
      // It becomes the value of a header.
      typeof agreed === "string" && /^[\w.-]{1,32}$/.test(agreed) ? agreed : protocolVersion,
      readTools(capabilities),
    );
    channel.notify("notifications/initialized");
    return undefined;
  }

  async function listTools(): Promise<string | undefined> {
    const listed: unknown[] = [];
    const cursors = new Set<unknown>();
    let cursor: unknown;
    for (let page = 0; hasTools && page < toolLimits.pages && listed.length < toolLimits.listed; page += 1) {
      const answer = await request("tools/list", cursor === undefined ? {} : { cursor });
      if (answer.kind !== "result") {
        // The pages before can be used.
        if (page > 0 && answer.kind === "error") break;
        return answerProblem(answer);
      }
      const { tools, nextCursor } = isObject(answer.result) ? answer.result : {};
      if (Array.isArray(tools)) listed.push(...tools.slice(0, toolLimits.listed));
      if (typeof nextCursor !== "string" || cursors.has(nextCursor)) break;
      cursor = nextCursor;
      cursors.add(cursor);
    }
    if (isStateless) headersByTool = headersOf(listed);
    onTools(listed, isStateless);
    return undefined;
  }

  /** Lists the tools again after a change. Changes that come meanwhile, and for a while after, are one list more. */
  function relist(): void {
    isChanged = true;
    listing ??= (async () => {
      while (isChanged) {
        isChanged = false;
        await listTools();
        await new Promise((resolve) => setTimeout(resolve, limits.relistMs).unref());
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
      const isOpen = isHttp && (await discover());
      return (isOpen ? undefined : await initialize()) ?? (await listTools());
    },
    async call(tool, given, options) {
      const send = async (): Promise<Answer> => await request("tools/call", { name: tool, arguments: given }, options);
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
      // The server did not run the call, because the parameters of its tools have changed.
      if (isStateless && answer.kind === "error" && rpcErrorCode(answer.error) === wrongHeader) {
        await listTools();
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
function answerProblem(answer: Exclude<Answer, { kind: "result" }>): string {
  if (answer.kind !== "error") return answer.problem;
  const code = rpcErrorCode(answer.error);
  return typeof code === "number" ? `it answered with the error code ${code}` : "it does not answer as an MCP server";
}

function rpcErrorCode(error: unknown): unknown {
  return isObject(error) ? error["code"] : undefined;
}

/** Whether the error says that the server supports the revision. */
function namesRevision(error: unknown): boolean {
  const data = isObject(error) && isObject(error["data"]) ? error["data"]["supported"] : undefined;
  return Array.isArray(data) && data.includes(statelessVersion);
}

function headersOf(listed: readonly unknown[]): ReadonlyMap<string, ParamHeaders> {
  const byTool = new Map<string, ParamHeaders>();
  for (const entry of listed.filter(isObject)) {
    const headers = paramHeadersOf(entry["inputSchema"]);
    if (typeof entry["name"] === "string" && typeof headers !== "string") byTool.set(entry["name"], headers);
  }
  return byTool;
}
