// Owns the sending of a hostile request and its result: an answer, a closed connection, or a timeout. Checks nothing.
import { request as httpRequest, type Agent } from "node:http";
import { onAbort, TimeoutError } from "@waggle/async";
import type { HostileRequest } from "./requests.ts";

export interface AskOptions {
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  /** Limit from the sending of the request to the end of its answer. */
  readonly timeoutMs?: number;
}

export interface HostileAnswer {
  /** HTTP status; 0 when the connection was closed without an answer. */
  readonly status: number;
  readonly contentType: string;
  /** The received part of the body, up to a megabyte. */
  readonly body: string;
  /** Whether the connection ended before the answer. */
  readonly broken: boolean;
  /** Time from the sending of the request to the headers. */
  readonly headersMs: number;
}

const answerTimeoutMs = 30_000;
const bodyLimitBytes = 1_048_576;

/** Whether `ask` threw this error for a missing answer: a timeout or a network error. Other errors are mistakes of the caller. */
export function isNoAnswer(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return error instanceof TimeoutError || /^E(?!RR_)/.test(code ?? "");
}

/** @throws TimeoutError when there is neither an answer nor a closed connection in time; the signal's reason when it aborts */
export function ask(baseUrl: string, asked: HostileRequest, options: AskOptions = {}): Promise<HostileAnswer> {
  const { signal, agent, timeoutMs = answerTimeoutMs } = options;
  const { hostname, port } = new URL(baseUrl);
  const body = asked.body?.();
  const headers: Record<string, string> = { ...options.headers, ...asked.headers };
  if (body !== undefined) {
    headers["content-type"] ??= "application/json";
    headers["content-length"] ??= String(Buffer.byteLength(body));
  }
  const sentAt = performance.now();
  return new Promise((resolve, reject) => {
    let answered = false;
    let settled = (): void => {};
    // Options instead of a URL, because a URL would normalize the path.
    const where = { hostname, port, method: asked.method, path: asked.path, headers };
    const outgoing = httpRequest({ ...where, ...(agent === undefined ? {} : { agent }) }, (incoming) => {
      answered = true;
      const headersMs = performance.now() - sentAt;
      const chunks: Buffer[] = [];
      let bytes = 0;
      const over = (broken: boolean): void => {
        settled();
        const { statusCode: status = 0 } = incoming;
        const contentType = incoming.headers["content-type"] ?? "";
        resolve({ status, contentType, body: Buffer.concat(chunks).toString(), broken, headersMs });
      };
      incoming.on("data", (chunk: Buffer) => {
        if (bytes < bodyLimitBytes) chunks.push(chunk);
        bytes += chunk.length;
      });
      incoming.once("end", () => over(false));
      incoming.once("error", () => over(true));
    });
    outgoing.once("error", (error: NodeJS.ErrnoException) => {
      // The server answered before it had read the whole body. Its answer counts.
      if (answered) return;
      settled();
      if (["ECONNRESET", "EPIPE", "ECONNREFUSED"].includes(error.code ?? ""))
        resolve({ status: 0, contentType: "", body: "", broken: true, headersMs: performance.now() - sentAt });
      else reject(error);
    });
    const end = (reason: unknown): void => {
      settled();
      reject(reason);
      outgoing.destroy();
    };
    const timer = setTimeout(
      () => end(new TimeoutError(`${asked.name}: no end of an answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const unlisten = signal === undefined ? (): void => {} : onAbort(signal, () => end(signal.reason));
    settled = () => {
      clearTimeout(timer);
      unlisten();
    };
    outgoing.end(body);
  });
}
