// Owns one request to a server of models: its redirects, and that credentials go to the origin they are for and nowhere else.
import { onAbort, sleep } from "@waggle/async";
import { DownloadError, networkReason } from "./download-error.ts";

const maxRedirects = 10;
/** A server that wants to know who asks may say so in any of these. */
const refusals = new Set([401, 403, 404]);
const redirects = new Set([301, 302, 303, 307, 308]);
/** These answers may be others in a moment. */
const transientStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Waits before such a question is asked again, where the server does not say how long. */
const retryDelaysMs = [250, 1_000, 4_000];
const maxRetryAfterMs = 20_000;
/** Of what the hub says about a refusal. */
const mostReasonChars = 200;

export interface Credentials {
  readonly origin: string;
  /** Of the Authorization header. */
  readonly authorization: string;
}

export interface OpenOptions {
  readonly credentials: Credentials | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface Opened {
  /** 2xx. Its body must be read or cancelled. */
  readonly response: Response;
  /** Of the whole file, as the first origin tells it before it redirects to where the bytes are. */
  readonly sha256: string | undefined;
  /** Of the whole file, as the first origin tells it. */
  readonly sizeBytes: number | undefined;
}

/**
 * A GET that follows redirects. Credentials are shown only when the server asks for them, only to their own origin, and never again once
 * a redirect has led away from it.
 * @throws DownloadError; the signal's reason when it aborts
 */
export async function openUrl(url: string, options: OpenOptions): Promise<Opened> {
  const { credentials, headers, signal } = options;
  const home = new URL(url).origin;
  let target = new URL(url);
  let atHome = true;
  let authorization: string | undefined;
  let sha256: string | undefined;
  let sizeBytes: number | undefined;
  let retries = 0;
  for (let hops = 0; hops <= maxRedirects;) {
    const shown = authorization === undefined ? {} : { authorization };
    const response = await request(target, { ...headers, ...shown }, signal);
    if (atHome) {
      sha256 ??= linkedSha256(response);
      sizeBytes ??= linkedSize(response);
    }
    if (response.ok) return { response, sha256, sizeBytes };
    await response.body?.cancel();
    const wanted = atHome && credentials?.origin === target.origin ? credentials.authorization : undefined;
    if (refusals.has(response.status) && wanted !== authorization) {
      authorization = wanted;
      continue;
    }
    const delayMs = retryDelaysMs[retries];
    if (transientStatuses.has(response.status) && delayMs !== undefined) {
      retries += 1;
      await sleep(retryAfterMs(response) ?? delayMs, { signal });
      continue;
    }
    target = redirectTarget(response, target);
    hops += 1;
    atHome &&= target.origin === home;
    if (!atHome) authorization = undefined;
  }
  throw new DownloadError(`more than ${maxRedirects} redirects`);
}

/**
 * The pieces of an answer, as they come.
 * @throws the signal's reason when it aborts: one that aborts as the last piece arrives leaves `fetch` itself waiting for ever
 */
export async function* readBody({ body }: Response, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel().catch(() => {});
  const unlisten = onAbort(signal, cancel);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value as Uint8Array;
    }
  } finally {
    unlisten();
    cancel();
  }
}

/** The whole of an answer. @throws DownloadError when it is larger than this */
export async function readText(response: Response, mostBytes: number, signal: AbortSignal): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readBody(response, signal)) {
    size += piece.length;
    if (size > mostBytes) throw new DownloadError(`the server's answer is larger than ${mostBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

async function request(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { headers: { "accept-encoding": "identity", ...headers }, redirect: "manual", signal });
  } catch (error) {
    signal.throwIfAborted();
    const reason = `${url.origin} cannot be reached (${networkReason(error)})`;
    throw new DownloadError(reason, { transient: true, cause: error });
  }
}

function retryAfterMs({ headers }: Response): number | undefined {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return seconds >= 0 ? Math.min(seconds * 1_000, maxRetryAfterMs) : undefined;
}

function redirectTarget({ status, headers }: Response, from: URL): URL {
  const location = headers.get("location");
  if (!redirects.has(status) || location === null) {
    throw new DownloadError(statusReason(status, headers), { transient: transientStatuses.has(status), status });
  }
  if (!URL.canParse(location, from.href)) throw new DownloadError("the server redirects to an address that is none");
  const target = new URL(location, from);
  if (!/^https?:$/.test(target.protocol)) throw new DownloadError(`the server redirects to ${target.protocol}`);
  // `fetch` refuses an address with credentials, and these are none of ours.
  target.username = "";
  target.password = "";
  return target;
}

function statusReason(status: number, headers: Headers): string {
  if (status === 401 || status === 403) return `the server refuses it (HTTP ${status}); it may need a token`;
  if (status === 404) return "the server has no such file (HTTP 404)";
  const why = headers.get("x-error-message")?.slice(0, mostReasonChars);
  return `the server answered HTTP ${status}${why === undefined ? "" : ` (${why})`}`;
}

/** Hugging Face names a large file by its content. Small ones have a git hash there, which is shorter. */
function linkedSha256({ headers }: Response): string | undefined {
  return /^(?:W\/)?"?([\da-f]{64})"?$/i.exec(headers.get("x-linked-etag") ?? "")?.[1]?.toLowerCase();
}

function linkedSize({ headers }: Response): number | undefined {
  const text = headers.get("x-linked-size") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
