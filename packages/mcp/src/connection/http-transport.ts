// Reaches an MCP server over streamable HTTP, with the SDK's transport and a limit on the bytes of each response.
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { ServerSpec } from "../servers/read-servers.ts";

/** Bytes of one response. */
const responseBytes = 4_194_304;

export function createHttpTransport({ url, headers }: Extract<ServerSpec["transport"], { kind: "http" }>): Transport {
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { ...headers } },
    // A call is never sent again, so a lost response is not asked for again either.
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 1_000,
      maxReconnectionDelay: 1_000,
      reconnectionDelayGrowFactor: 1,
    },
    fetch: limitedFetch,
  });
  return transport;
}

/** A redirect would send the headers, which may be secrets, to another address. */
async function limitedFetch(url: string | URL, init?: RequestInit): Promise<Response> {
  // The SDK sends a GET to receive the server's notifications, which Waggle does not use. After a 405 the SDK works without them.
  if (init?.method === "GET") return new Response(null, { status: 405 });
  const response = await fetch(url, { ...init, redirect: "error" });
  if (response.body === null) return response;
  let bytes = 0;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > responseBytes) controller.error(new Error(`it sent a response of more than ${responseBytes} bytes`));
      else controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(limit), { status, statusText, headers });
}
