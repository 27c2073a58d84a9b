// Opens the listening socket, and closes the socket with all its connections.
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { createHoldings, inBackground } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { listenError } from "@waggle/daemon/ports";
import type { App } from "./app.ts";

export interface ServerLimits {
  /** Beyond it, the address with the most connections loses its oldest one without a request, otherwise its newest. */
  readonly maxConnections: number;
  /** Time limit for receiving a request. A body that arrives at `leastBytesPerSecond` has more time. */
  readonly requestTimeoutMs: number;
  /** Time limit for a client that does not read written data. */
  readonly readerStallTimeoutMs: number;
}

/** Size limit of all headers of a request together. */
const maxHeaderBytes = 16_384;
/** Time limit of a connection without requests. */
const keepAliveTimeoutMs = 5_000;
/** Time limit for sending an error to a request that Node's parser rejects. */
const flushTimeoutMs = 1_000;
/** Maximum interval at which Node searches for headers that take too long. */
const longestCheckIntervalMs = 10_000;
/** An upload of 200 MiB may take an hour. */
const leastBytesPerSecond = 65_536;

export interface ListeningServer {
  /** `http://host:port`, with the bound port. */
  readonly url: string;
  /** Stops accepting connections, and closes idle connections. */
  stopAccepting(): void;
  /** Resolves when all responses, streams included, have ended. */
  answered(): Promise<void>;
  /** Destroys all open connections; resolves when the port is free. */
  close(): Promise<void>;
}

/**
 * @param greeting the answer to GET / on this socket, in place of the pages
 * @throws PortTakenError with the process that holds the port, if known; ListenError for other reasons
 */
export async function listen(
  app: App,
  host: string,
  port: number,
  limits: ServerLimits,
  greeting?: string,
): Promise<ListeningServer> {
  const listener = getRequestListener((request, env) => app.fetch(request, { ...env, greeting }), {
    hostname: host,
    overrideGlobalObjects: false,
    errorHandler: () => malformedRequest(),
  });
  const underWay = new Set<ServerResponse>();
  let waiters: (() => void)[] = [];
  /** The unfinished responses of each connection, in the order of their requests. */
  const responses = new WeakMap<Duplex, Set<ServerResponse>>();
  /** By the address of the other side. */
  const connections = createHoldings<Socket>();
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: limits.requestTimeoutMs,
      // Node's limit does not depend on the size: 200 MiB would need a fast network. `endSlow` replaces it.
      requestTimeout: 0,
      connectionsCheckingInterval: Math.min(limits.requestTimeoutMs, longestCheckIntervalMs),
      keepAliveTimeout: keepAliveTimeoutMs,
      // The gate rejects requests without a Host header, with our error body.
      requireHostHeader: false,
    },
    (incoming, outgoing) => {
      underWay.add(outgoing);
      responses.get(incoming.socket)?.add(outgoing);
      endUnread(outgoing, incoming.socket, limits.readerStallTimeoutMs);
      endSlow(incoming, outgoing, limits.requestTimeoutMs, (error) =>
        server.emit("clientError", error, incoming.socket),
      );
      outgoing.once("close", () => {
        underWay.delete(outgoing);
        responses.get(incoming.socket)?.delete(outgoing);
        if (underWay.size > 0) return;
        for (const resolve of waiters) resolve();
        waiters = [];
      });
      const answer = (): void => inBackground("answer a request", listener(incoming, outgoing));
      if (incoming.method === "POST") unlessLeft(incoming, outgoing, answer);
      else answer();
    },
  );
  server.on("connection", (socket) => {
    const own = new Set<ServerResponse>();
    responses.set(socket, own);
    connections.set(socket.remoteAddress ?? "", socket, 1);
    if (connections.size > limits.maxConnections) {
      const theirs = [...connections.ofLargest];
      const ends = theirs.find((one) => responses.get(one)?.size === 0) ?? theirs.at(-1);
      ends?.destroy();
    }
    socket.once("close", () => {
      connections.remove(socket);
      for (const response of own) closeUnassigned(response);
    });
  });
  server.on("clientError", (error, socket) => {
    // The client would read an error response in the middle of another response as a part of that response.
    const begun = [...(responses.get(socket) ?? [])].some(
      ({ headersSent, writableEnded }) => headersSent && !writableEnded,
    );
    if (begun) socket.destroy();
    else refuseUnparsed(error, socket);
  });
  server.on("checkExpectation", (_, outgoing: ServerResponse) => {
    const error = new WaggleError("invalid_argument", 'Cannot fulfil the header "Expect".');
    const body = JSON.stringify(error.toBody());
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    outgoing.writeHead(error.status, headers).end(body);
  });
  await bind(server, host, port);
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  return {
    url: urlOf(server.address() as AddressInfo),
    stopAccepting() {
      if (server.listening) server.close();
      server.closeIdleConnections();
    },
    answered() {
      if (underWay.size === 0) return Promise.resolve();
      return new Promise((resolve) => waiters.push(resolve));
    },
    async close() {
      if (server.listening) server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * Maximum number of connections that wait to be accepted; the system has a limit too (Linux: `net.core.somaxconn`, 4,096). With Node's default of
 * 511, a storm of short connections made other clients wait seconds for a repeated SYN.
 */
const backlog = 4_096;

async function bind(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      // Also handles later errors: a connection that the system cannot give fails alone.
      server.on("error", reject);
      server.listen({ port, host, exclusive: true, backlog }, resolve);
    });
  } catch (error) {
    throw await listenError(error, host, port);
  }
}

/**
 * Answers a request whose client is still there. After a storm of requests the system has many connections whose clients have left, in the order of
 * their arrival, and Node accepts one in each turn of the event loop: each one that is dropped here costs the others a tenth of a millisecond. The end
 * of a connection is read a turn after the request, and only then known.
 */
function unlessLeft(incoming: IncomingMessage, outgoing: ServerResponse, answer: () => void): void {
  setImmediate(() =>
    setImmediate(() => {
      if (incoming.socket.readableEnded) outgoing.destroy();
      if (!outgoing.destroyed) answer();
    }),
  );
}

/**
 * With HTTP pipelining, Node assigns the socket to one response after the other, and only the assigned response gets `close` when the socket
 * closes. The other responses would never end, and neither would their jobs.
 */
function closeUnassigned(response: ServerResponse): void {
  if (response.socket !== null || response.destroyed) return;
  response.destroy();
  response.emit("close");
}

/**
 * Closes the connection of a client that does not read. The time limit is twice the limit of a job's reader. So the job disconnects its
 * reader first, and counts the client as a slow reader.
 */
function endUnread(response: ServerResponse, socket: Socket, stallTimeoutMs: number): void {
  // This timeout applies until the response is sent. Then Node sets the timeout of an idle connection.
  socket.setTimeout(2 * stallTimeoutMs);
  response.on("timeout", () => {
    if (response.writableEnded || socket.writableLength > 0) socket.destroy();
  });
}

/** Ends a request whose body arrives too slowly. @param end called with the error */
function endSlow(
  incoming: IncomingMessage,
  response: ServerResponse,
  timeoutMs: number,
  end: (error: Error) => void,
): void {
  let seen = incoming.socket.bytesRead;
  const timer = setInterval(() => {
    const bytes = incoming.socket.bytesRead - seen;
    seen += bytes;
    if (!incoming.complete && 1_000 * bytes >= leastBytesPerSecond * timeoutMs) return;
    clearInterval(timer);
    if (!incoming.complete) end(new Error("The body does not arrive in time"));
  }, timeoutMs);
  timer.unref();
  response.once("close", () => clearInterval(timer));
}

/** Sends the usual error body for requests that Node's parser rejects: not HTTP, headers too large, too slow. */
function refuseUnparsed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
  const refusal =
    error.code === "HPE_HEADER_OVERFLOW"
      ? new WaggleError("payload_too_large", "Cannot read the request: its headers are too large.")
      : new WaggleError("invalid_argument", "Cannot read the request: not HTTP, or not complete in time.");
  const body = JSON.stringify(refusal.toBody());
  const head = `HTTP/1.1 ${refusal.status} Refused\r\nConnection: close\r\nContent-Type: application/json`;
  socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  // Node keeps the connection half open until the client closes it, without a time limit.
  setTimeout(() => socket.destroy(), flushTimeoutMs).unref();
}

/** The response to a request that the HTTP parser accepts, but whose URL is invalid. */
function malformedRequest(): Response {
  const error = new WaggleError(
    "invalid_argument",
    "Cannot read the request: its target or its Host header is malformed.",
  );
  return Response.json(error.toBody(), { status: error.status });
}

function urlOf(address: AddressInfo): string {
  return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
}
