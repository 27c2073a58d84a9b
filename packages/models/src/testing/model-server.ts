// Owns a server of model files for the tests of downloads: it plays the hub, the target of the hub's redirects, and any other server, and can be
// slow, cut its answers off, send wrong lengths, change the file in the middle, or send fewer headers than others do.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the server has at one moment. */
export interface ServedFile {
  readonly content: Buffer;
  /** Undefined: none. */
  readonly etag?: string;
  /** As the hub sends it, with a redirect as well as without. */
  readonly linkedSha256?: string;
}

export interface ModelServerOptions extends ServedFile {
  /** Another file from the answer with this number on, counting those with a body of more than one byte from 0. */
  readonly fileAt?: (answers: number) => ServedFile;
  /** Each piece is sent when this resolves; told how many bytes lie before it in the file. */
  readonly beforePiece?: (at: number) => Promise<void>;
  /** Default 64 KiB. */
  readonly pieceBytes?: number;
  /** What the hub's manifests name. */
  readonly manifestFile?: string;
  /** Every file is there, at the same path. */
  readonly redirectTo?: string;
  /** Sent with each answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Secret files too. */
  readonly openToAll?: boolean;
  /** So many of the first requests are told to come again. */
  readonly busy?: number;
  /** More answers than this at once are refused with 429. */
  readonly mostAtOnce?: number;
  /** Neither ranges nor a Content-Length. */
  readonly chunked?: boolean;
  /** A range is answered for the first byte only; any other one with the whole file. */
  readonly ignoreRanges?: boolean;
  /** The size that it announces, whatever the real one. */
  readonly saysBytes?: number;
  /** Answers with a range that begins so many bytes later than the one that was asked for. */
  readonly shiftedBytes?: number;
  /** So many bytes more than were asked for, after them. */
  readonly extraBytes?: number;
  /** The connection breaks after so many bytes of this answer; undefined: it does not. Counts the answers with a body of more than one byte. */
  readonly cutAfter?: (answer: number) => number | undefined;
}

export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  /** Method, path and range of each request. */
  readonly requests: readonly string[];
  /** All that came of each request: line and headers. */
  readonly received: readonly string[];
  /** Authorization of each request. */
  readonly authorizations: readonly (string | undefined)[];
  /** The most answers with a body of more than one byte that were open at once. */
  readonly mostOpen: number;
}

interface State {
  requests: string[];
  received: string[];
  authorizations: (string | undefined)[];
  answers: number;
  open: number;
  mostOpen: number;
}

export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const state: State = { requests: [], received: [], authorizations: [], answers: 0, open: 0, mostOpen: 0 };
  const server = createServer((request, response) => {
    const { method = "", url = "", headers, rawHeaders } = request;
    state.requests.push(`${method} ${url} ${headers.range ?? ""}`);
    state.received.push([method, url, ...rawHeaders].join("\n"));
    state.authorizations.push(headers.authorization);
    if (state.requests.length <= (options.busy ?? 0)) {
      response.writeHead(503, { "retry-after": "0" }).end("busy");
      return;
    }
    answer(request, response, options, state).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: state.requests,
    received: state.received,
    authorizations: state.authorizations,
    get mostOpen() {
      return state.mostOpen;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ModelServerOptions,
  state: State,
): Promise<void> {
  const { url = "", headers } = request;
  const known = /^(Bearer a-token|Basic )/.test(headers.authorization ?? "");
  const allowed = known || options.openToAll === true || !url.includes("secret");
  const refused = !allowed ? 401 : url.includes("missing") ? 404 : undefined;
  if (refused !== undefined) {
    response.writeHead(refused).end("no");
    return;
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) response.setHeader(name, value);
  if (url.includes("/manifests/")) {
    const rfilename = options.manifestFile ?? "story-Q8_0.gguf";
    response.setHeader("content-type", "application/json").end(JSON.stringify({ ggufFile: { rfilename } }));
    return;
  }
  const file = options.fileAt?.(state.answers) ?? options;
  if (file.linkedSha256 !== undefined) response.setHeader("x-linked-etag", `"${file.linkedSha256}"`);
  if (options.redirectTo !== undefined) {
    response.writeHead(302, { location: options.redirectTo + url }).end();
    return;
  }
  await sendFile(request, response, { ...options, ...file }, state);
}

async function sendFile(
  { headers }: IncomingMessage,
  response: ServerResponse,
  options: ModelServerOptions,
  state: State,
): Promise<void> {
  const { content, etag, chunked = false, ignoreRanges = false, saysBytes = content.length } = options;
  if (etag !== undefined) response.setHeader("etag", etag);
  const matches = headers["if-range"] === undefined || headers["if-range"] === etag;
  const isProbe = headers.range === "bytes=0-0";
  const range = chunked || !matches || (ignoreRanges && !isProbe) ? undefined : headers.range;
  const [, first = "0", last = ""] = /bytes=(\d+)-(\d*)/.exec(range ?? "") ?? [];
  const start = Number(first) + (isProbe ? 0 : (options.shiftedBytes ?? 0));
  const end = last === "" ? content.length : Math.min(Number(last) + 1, content.length);
  if (start >= end) {
    response.writeHead(416).end();
    return;
  }
  const isBody = end - start > 1;
  if (isBody && state.open >= (options.mostAtOnce ?? Infinity)) {
    response.writeHead(429, { "retry-after": "0" }).end();
    return;
  }
  const extra = isBody ? (options.extraBytes ?? 0) : 0;
  response.writeHead(range === undefined ? 200 : 206, {
    ...(chunked ? {} : { "content-length": end - start + extra }),
    ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${saysBytes}` }),
  });
  if (isBody) await sendBody(response, options, { start, end: end + extra }, state);
  else response.end(content.subarray(start, end));
}

async function sendBody(
  response: ServerResponse,
  { content, beforePiece, pieceBytes = 1 << 16, cutAfter }: ModelServerOptions,
  { start, end }: { readonly start: number; readonly end: number },
  state: State,
): Promise<void> {
  state.answers += 1;
  state.open += 1;
  state.mostOpen = Math.max(state.mostOpen, state.open);
  response.once("close", () => (state.open -= 1));
  const cut = cutAfter?.(state.answers);
  const stop = Math.min(end, start + (cut ?? Infinity));
  for (let at = start; at < stop && !response.destroyed; at += pieceBytes) {
    await beforePiece?.(at);
    const piece = Buffer.alloc(Math.min(pieceBytes, stop - at), "?");
    content.copy(piece, 0, at, at + piece.length);
    await new Promise((resolve) => response.write(piece, resolve));
  }
  if (cut === undefined) response.end();
  else response.destroy();
}
