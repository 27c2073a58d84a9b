// A server of model files for tests of downloads. It can play the hub, the target of the hub's redirects, or any other server. It can be slow, end
// answers early, send wrong lengths, change the file during a download, or omit headers.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A version of the file. */
export interface ServedFile {
  readonly content: Buffer;
  readonly etag?: string;
  /** Hash that the hub sends, also with redirects. */
  readonly linkedSha256?: string;
}

export interface ModelServerOptions extends ServedFile {
  /** File for an answer. @param answers number of earlier answers with a body of more than one byte */
  readonly fileAt?: (answers: number) => ServedFile;
  /** The server waits for this promise before it sends a piece. @param at position of the piece in the file */
  readonly beforePiece?: (at: number) => Promise<void>;
  /** Size of a piece; by default 64 KiB. */
  readonly pieceBytes?: number;
  /** File name in the hub's manifests. */
  readonly manifestFile?: string;
  /** Projectors of every repository, by path; the manifests name the first. */
  readonly projectors?: Readonly<Record<string, Buffer>>;
  /** Files of every repository that its list has in addition to the manifests' file and the projectors; undefined: there is no list. */
  readonly listed?: readonly string[] | undefined;
  /** Sizes in the list of files, by path; by default 1. */
  readonly listedBytes?: Readonly<Record<string, number>>;
  /** The hub's answer to every search; undefined: it has none. */
  readonly found?: unknown;
  /** Origin to which every file is redirected, with the same path. */
  readonly redirectTo?: string;
  /** Headers of each answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether secret files need no token. */
  readonly openToAll?: boolean;
  /** Number of requests, from the first, that are answered with 503. */
  readonly busy?: number;
  /** Limit for simultaneous answers; further requests are answered with 429. */
  readonly mostAtOnce?: number;
  /** Send neither ranges nor a Content-Length. */
  readonly chunked?: boolean;
  /** Answer range requests with the whole file, except for the first byte. */
  readonly ignoreRanges?: boolean;
  /** Size in Content-Range, instead of the real size. */
  readonly saysBytes?: number;
  /** Distance between the requested range and the range in the answer. */
  readonly shiftedBytes?: number;
  /** Number of bytes that are sent after the requested bytes. */
  readonly extraBytes?: number;
  /** Number of bytes after which the connection breaks. @param answer number of this answer, from 1, among those with a body of more than one byte */
  readonly cutAfter?: (answer: number) => number | undefined;
}

export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  /** Method, path and range of each request. */
  readonly requests: readonly string[];
  /** Request line and headers of each request. */
  readonly received: readonly string[];
  /** Authorization header of each request. */
  readonly authorizations: readonly (string | undefined)[];
  /** Largest number of simultaneous answers with a body of more than one byte. */
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
  const { projectors = {} } = options;
  for (const [name, value] of Object.entries(options.headers ?? {})) response.setHeader(name, value);
  if (url.includes("/manifests/")) {
    const rfilename = options.manifestFile ?? "story-Q8_0.gguf";
    const [projector] = Object.keys(projectors);
    const mmprojFile = projector === undefined ? undefined : { rfilename: projector };
    response.setHeader("content-type", "application/json").end(JSON.stringify({ ggufFile: { rfilename }, mmprojFile }));
    return;
  }
  if (url.startsWith("/api/models?")) {
    response.writeHead(options.found === undefined ? 404 : 200).end(JSON.stringify(options.found ?? []));
    return;
  }
  if (url.startsWith("/api/models/")) {
    const paths = [options.manifestFile ?? "story-Q8_0.gguf", ...Object.keys(projectors), ...(options.listed ?? [])];
    const tree = paths.map((path) => ({ type: "file", path, size: options.listedBytes?.[path] ?? 1 }));
    response.writeHead(options.listed === undefined ? 404 : 200).end(JSON.stringify(tree));
    return;
  }
  const projector = Object.entries(projectors).find(([path]) => url.includes(`/${path}?`))?.[1];
  const file = projector === undefined ? (options.fileAt?.(state.answers) ?? options) : { content: projector };
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
