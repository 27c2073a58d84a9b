// Owns what stands between a client and its worker: it tells each call, and before one that asks for an answer has the model prepared for it.
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { isAnswerPath, messageOf, type Body } from "@waggle/harness";

export interface Call {
  /** As "POST /v1/messages", without the query. */
  readonly what: string;
  readonly target: string;
  /** Of the answer; 0 where there was none. */
  readonly status: number;
  readonly bodyBytes: number;
  /** What it says of who asks, in short. */
  readonly userAgent: string;
  /** The text of what it sent. */
  readonly body: string;
  /** Why the model could not be prepared for it, or why nobody answered. */
  readonly fault?: string;
}

export interface RecordingProxy extends AsyncDisposable {
  readonly url: string;
  /** In the order in which their answers began. */
  readonly calls: readonly Call[];
}

export interface RecordingProxyOptions {
  /** Of the worker. */
  readonly target: string;
  /** Before a call that asks for an answer goes on; one at a time. */
  readonly prepare: (path: string, body: Body) => Promise<void>;
  readonly onCall: (call: Call) => void;
}

const bodyBytesLimit = 64 * 1_048_576;

/** On a free port of this machine's loopback. A call that cannot be prepared goes on all the same: the worker says what it thinks of it. */
export async function startRecordingProxy(options: RecordingProxyOptions): Promise<RecordingProxy> {
  const calls: Call[] = [];
  let turn = Promise.resolve();

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await bodyOf(incoming);
    const target = incoming.url ?? "/";
    const path = target.split("?", 1)[0] as string;
    const what = `${incoming.method} ${path}`;
    const told = { what, target, bodyBytes: body.length, userAgent: incoming.headers["user-agent"] ?? "" };
    let fault: string | undefined;
    const record = (status: number): void => {
      const call = { ...told, status, body: body.toString(), ...(fault === undefined ? {} : { fault }) };
      calls.push(call);
      options.onCall(call);
    };
    if (incoming.method === "POST" && isAnswerPath(path)) {
      // The model says one thing at a time: whoever asks next waits until this one has been prepared.
      const prepared = turn.then(() => options.prepare(path, JSON.parse(body.toString()) as Body));
      turn = prepared.catch((error: unknown) => void (fault = messageOf(error)));
      await turn;
    }
    try {
      await pass(new URL(target, options.target), incoming, body, outgoing, record);
    } catch (error) {
      fault ??= messageOf(error);
      record(0);
      outgoing.destroy();
    }
  }

  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing).catch(() => outgoing.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bodyBytesLimit) throw new Error(`The body is longer than ${bodyBytesLimit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Resolves when the answer is over, or when whoever asked has gone. @throws Error when the worker does not answer */
function pass(
  target: URL,
  { method, headers }: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  onStatus: (status: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const further = httpRequest(target, { method, headers: { ...ownHeaders(headers), host: target.host } });
    outgoing.once("close", () => {
      further.destroy();
      resolve();
    });
    further.once("error", reject);
    further.once("response", (answer) => {
      onStatus(answer.statusCode ?? 0);
      outgoing.writeHead(answer.statusCode ?? 0, ownHeaders(answer.headers));
      // The worker breaks a stream off on purpose after an error: so does this.
      answer.once("error", () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    further.end(body);
  });
}

/** Without what is about one connection alone. */
function ownHeaders({ connection: _, "keep-alive": __, "transfer-encoding": ___, ...headers }: IncomingHttpHeaders) {
  return headers;
}
