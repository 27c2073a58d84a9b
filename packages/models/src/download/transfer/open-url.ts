// Sends a GET request to a server of models: follows redirects, and sends credentials only to their own origin.
import { onAbort, sleep } from "@waggle/async";
import { networkReason } from "@waggle/client";
import { DownloadError } from "./download-error.ts";

const maxRedirects = 10;
/** Servers answer with these statuses if a request lacks credentials. */
const refusals = new Set([401, 403, 404]);
const redirects = new Set([301, 302, 303, 307, 308]);
/** Statuses of temporary errors: a later request may succeed. */
const transientStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Delays before retries, if the server does not send Retry-After. */
const retryDelaysMs = [250, 1_000, 4_000];
const maxRetryAfterMs = 20_000;
/** Limit for the hub's reason in our error. */
const mostReasonChars = 200;

export interface Credentials {
  readonly origin: string;
  /** The value of the Authorization header. */
  readonly authorization: string;
}

/** @param token token of Hugging Face; undefined for public repositories */
export function hubCredentials(token: string | undefined, endpoint: string): Credentials | undefined {
  return token === undefined ? undefined : { origin: new URL(endpoint).origin, authorization: `Bearer ${token}` };
}

export interface OpenOptions {
  readonly credentials: Credentials | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface Opened {
  /** The server's response, with a 2xx status. Callers must read or cancel its body. */
  readonly response: Response;
  /** SHA-256 of the whole file. The first origin sends it with its redirect to the download. */
  readonly sha256: string | undefined;
  /** Size of the whole file, sent by the first origin. */
  readonly sizeBytes: number | undefined;
}

/**
 * Credentials are sent only if the server rejects a request without them, and only to their own origin. After a redirect to another origin they are
 * not sent again, even if a later redirect leads back.
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

/** Parsing takes a tenth of a second at most, in which all streams wait. The longest answers, lists of 1,000 files, have about 400 KB. */
export const mostJsonBytes = 1 << 20;

/**
 * Yields the chunks of a response body as they arrive.
 * @throws the signal's reason when it aborts. `fetch` alone waits forever if the signal aborts while the last chunk arrives.
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

/** Reads the whole response body. @throws DownloadError if it is larger than `mostBytes` */
export async function readBytes(response: Response, mostBytes: number, signal: AbortSignal): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readBody(response, signal)) {
    size += piece.length;
    if (size > mostBytes) throw new DownloadError(`the server's answer is larger than ${mostBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

export async function readText(...call: Parameters<typeof readBytes>): Promise<string> {
  return (await readBytes(...call)).toString();
}

/** Reads a response body as JSON. @param what its name in an error @throws DownloadError if it is not JSON, or too large to be parsed at once */
export async function readJson(response: Response, what: string, signal: AbortSignal): Promise<unknown> {
  const text = await readText(response, mostJsonBytes, signal);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DownloadError(`${what} is not JSON`, { cause: error });
  }
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
  if (!URL.canParse(location, from.href)) throw new DownloadError("invalid redirect from the server");
  const target = new URL(location, from);
  if (!/^https?:$/.test(target.protocol)) throw new DownloadError(`the server redirects to ${target.protocol}`);
  // `fetch` rejects URLs with credentials. The credentials in a redirect come from the server and not from the user, so they can be dropped.
  target.username = "";
  target.password = "";
  return target;
}

function statusReason(status: number, headers: Headers): string {
  if (status === 401 || status === 403) return `the server denied access (HTTP ${status}); it may need a token`;
  if (status === 404) return "the server has no such file (HTTP 404)";
  const why = headers.get("x-error-message")?.slice(0, mostReasonChars);
  return `the server answered HTTP ${status}${why === undefined ? "" : ` (${why})`}`;
}

/** Hugging Face sends the SHA-256 of large files in this header. For small files it sends a git hash, which is shorter. */
function linkedSha256({ headers }: Response): string | undefined {
  return /^(?:W\/)?"?([\da-f]{64})"?$/i.exec(headers.get("x-linked-etag") ?? "")?.[1]?.toLowerCase();
}

function linkedSize({ headers }: Response): number | undefined {
  const text = headers.get("x-linked-size") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
