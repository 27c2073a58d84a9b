// Owns an MCP server over streamable HTTP for tests, which misbehaves as the test says.
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface WebMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params: { readonly protocolVersion?: string; readonly name?: string; readonly _meta?: unknown };
}

/** @returns the result; undefined if it has written the response */
export type WebAnswer = (message: WebMessage, response: ServerResponse, request: IncomingMessage) => unknown;

export interface WebServer {
  readonly url: string;
  /** Each request: its method, and the method of its message. */
  readonly seen: string[];
  close(): Promise<void>;
}

/** @param answers by method of the message; GET for GET requests */
export async function startWebServer(answers: Readonly<Record<string, WebAnswer>>): Promise<WebServer> {
  const seen: string[] = [];
  const all: Readonly<Record<string, WebAnswer>> = {
    GET: (_, response) => void response.writeHead(405).end(),
    initialize: ({ params: { protocolVersion } }) => ({
      protocolVersion,
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: "web", version: "1" },
    }),
    "tools/list": () => ({ tools: [{ name: "echo", inputSchema: { type: "object" } }] }),
    ...answers,
  };
  const server = createServer((request, response) => {
    // No connection is left that a client could try after the server's end.
    response.shouldKeepAlive = false;
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const message = JSON.parse(body || '{"params":{}}') as WebMessage;
      seen.push(`${request.method} ${message.method ?? ""}`.trim());
      const answer = all[request.method === "GET" ? "GET" : (message.method ?? "")];
      if (answer === undefined) return void response.writeHead(202).end();
      const result = answer(message, response, request);
      if (result === undefined) return;
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
