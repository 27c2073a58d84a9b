// Owns an HTTP server for a test.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Starts a server, which ends with the test. @returns its URL */
export async function serve(handler: Handler): Promise<string> {
  const server = createServer((request, response) => void handler(request, response)).listen(0, "127.0.0.1");
  onTestFinished(() => server.close().closeAllConnections());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
