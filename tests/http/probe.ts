// Sends malformed requests, and returns the answers as they are.
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import type { BrokenRequest } from "./malformed-requests.ts";

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Whether the connection ended before the answer was complete. */
  readonly broken: boolean;
}

const answerTimeoutMs = 120_000;

export interface Prober {
  /** Sends over kept connections. @throws Error when there is no answer */
  send(request: BrokenRequest): Promise<Answer>;
  /** Sends over a separate connection. @returns undefined if it was closed without an answer */
  sendRaw(bytes: Uint8Array): Promise<Answer | undefined>;
  close(): void;
}

export function createProber(baseUrl: string, connections: number): Prober {
  const { hostname, port } = new URL(baseUrl);
  const agent = new Agent({ keepAlive: true, maxSockets: connections });

  return {
    send: ({ method, path, headers, body }) =>
      new Promise((resolve, reject) => {
        const outgoing = httpRequest(
          { agent, hostname, port, method, path, headers, timeout: answerTimeoutMs },
          (incoming) => {
            const chunks: Buffer[] = [];
            const answer = (broken: boolean): void =>
              resolve({
                status: incoming.statusCode ?? 0,
                contentType: incoming.headers["content-type"] ?? "",
                body: Buffer.concat(chunks).toString(),
                broken,
              });
            incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
            incoming.once("end", () => answer(false));
            incoming.once("error", () => answer(true));
          },
        );
        outgoing.once("timeout", () => outgoing.destroy(new Error(`No answer within ${answerTimeoutMs} ms`)));
        outgoing.once("error", reject);
        outgoing.end(body);
      }),

    sendRaw: (bytes) =>
      new Promise((resolve, reject) => {
        const chunks: Buffer[] = [];
        const socket = connect({ host: hostname, port: Number(port) }, () => socket.end(bytes));
        socket.setTimeout(answerTimeoutMs, () =>
          socket.destroy(new Error(`Neither answered nor closed in ${answerTimeoutMs} ms`)),
        );
        socket.on("data", (chunk) => chunks.push(chunk));
        socket.once("error", (error: NodeJS.ErrnoException) => {
          // The worker closed the connection first; it may have answered before.
          if (error.code === "ECONNRESET" || error.code === "EPIPE") resolve(parseAnswer(Buffer.concat(chunks)));
          else reject(error);
        });
        socket.once("close", () => resolve(parseAnswer(Buffer.concat(chunks))));
      }),

    close: () => agent.destroy(),
  };
}

/** Parses the last answer of a connection: the bytes may contain several requests. */
function parseAnswer(bytes: Buffer): Answer | undefined {
  const raw = bytes.toString();
  const last = [...raw.matchAll(/HTTP\/1\.1 (\d{3}) /g)].at(-1);
  if (last === undefined) return undefined;
  const [head = "", ...rest] = raw.slice(last.index).split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  const contentType = /^content-type: *(.*)$/im.exec(head)?.[1]?.trim() ?? "";
  const chunked = /^transfer-encoding: *chunked/im.test(head);
  return { status: Number(last[1]), contentType, body: chunked ? unchunk(body) : body, broken: false };
}

function unchunk(body: string): string {
  let text = "";
  let rest = Buffer.from(body);
  for (;;) {
    const lineEnd = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.subarray(0, Math.max(0, lineEnd)).toString(), 16);
    if (!(size > 0)) return text;
    text += rest.subarray(lineEnd + 2, lineEnd + 2 + size).toString();
    rest = rest.subarray(lineEnd + 2 + size + 2);
  }
}
