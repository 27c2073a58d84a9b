// A proxy between a client and its worker. It records each call, and prepares the model before each request for an answer.
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { isAnswerPath, errorText, type Body } from "@waggle/testing/harness";

export interface Call {
  /** Method and path, without the query, such as "POST /v1/messages". */
  readonly what: string;
  readonly target: string;
  /** The status of the response; 0 without a response. */
  readonly status: number;
  readonly bodyBytes: number;
  /** The User-Agent header, shortened. */
  readonly userAgent: string;
  /** The text of the request's body. */
  readonly body: string;
  /** Why the model could not be prepared for the call, or why the worker did not answer. */
  readonly fault?: string;
}

export interface RecordingProxy extends AsyncDisposable {
  readonly url: string;
  /** The calls in the order in which their responses began. */
  readonly calls: readonly Call[];
}

export interface RecordingProxyOptions {
  /** The worker's address. */
  readonly target: string;
  /** Called before a request for an answer is passed on; never for two requests at the same time. */
  readonly prepare: (path: string, body: Body) => Promise<void>;
  readonly onCall: (call: Call) => void;
}

const bodyBytesLimit = 64 * 1_048_576;

/** Starts the proxy on a free loopback port. If the model cannot be prepared for a request, the proxy still passes the request on to the worker. */
export async function startRecordingProxy(options: RecordingProxyOptions): Promise<RecordingProxy> {
  const calls: Call[] = [];
  let turn = Promise.resolve();

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await bodyOf(incoming);
    const target = incoming.url ?? "/";
    const path = target.split("?", 1)[0] as string;
    const what = `${incoming.method} ${path}`;
    const facts = { what, target, bodyBytes: body.length, userAgent: incoming.headers["user-agent"] ?? "" };
    let fault: string | undefined;
    const record = (status: number): void => {
      const call = { ...facts, status, body: body.toString(), ...(fault === undefined ? {} : { fault }) };
      calls.push(call);
      options.onCall(call);
    };
    if (incoming.method === "POST" && isAnswerPath(path)) {
      // The model has one answer at a time, so the next request waits until the model is prepared for this request.
      const prepared = turn.then(() => options.prepare(path, JSON.parse(body.toString()) as Body));
      turn = prepared.catch((error: unknown) => void (fault = errorText(error)));
      await turn;
    }
    try {
      await pass(new URL(target, options.target), incoming, body, outgoing, record);
    } catch (error) {
      fault ??= errorText(error);
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

/** Resolves when the answer has ended, or the client has disconnected. @throws Error when the worker does not answer */
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
      // After an error, the worker destroys the connection on purpose, so the proxy destroys the client's connection too.
      answer.once("error", () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    further.end(body);
  });
}

/** Removes the headers that apply only to the connection between worker and proxy. */
function ownHeaders({ connection: _, "keep-alive": __, "transfer-encoding": ___, ...headers }: IncomingHttpHeaders) {
  return headers;
}
