// Checks the answers to hostile requests. Allowed are a valid success, and a typed error of the dialect that blames the client.
import { createAnswerJudge, streamDialects } from "@waggle/testing/harness";
import {
  ErrorBodySchema,
  errorKinds,
  errorsOf,
  workerRouteGroups,
  type ErrorCode,
  type RouteGroup,
} from "@waggle/protocol";
import { createSseDecoder } from "@waggle/protocol/sse";
import type { HostileAnswer, HostileRequest } from "@waggle/testing/hostile";

/** Errors of the worker, which no request may cause. */
const ourFault: readonly ErrorCode[] = ["internal", "engine_failed", "unavailable"];
/** The refusal of a download or a search by a worker with `--offline`, which the attacked workers have. It is not a fault of the worker. */
const offlineRefusal = "the worker is offline.";
const statuses = new Set<number>(Object.values(errorKinds).map(({ status }) => status));
const ourStatuses = new Set<number>(ourFault.map((code) => errorKinds[code].status));
/** Groups whose routes exist with and without /v1. llama-server's group also has `/completions`. */
const openAiTags = ["OpenAI", "Responses", "Batches"];

interface RoutePlace {
  readonly pattern: RegExp;
  readonly group: RouteGroup;
  readonly method: string;
  /** Statuses of the errors that the API reference names for the route. */
  readonly statuses: readonly number[];
}

const places: readonly RoutePlace[] = workerRouteGroups.flatMap((group) =>
  Object.values(group.routes).flatMap((route) => {
    const paths = openAiTags.includes(group.tag) ? [route.path, route.path.replace("/v1", "")] : [route.path];
    const [method, statuses] = [route.method.toUpperCase(), errorsOf(route).map((code) => errorKinds[code].status)];
    const patternOf = (path: string): RegExp => new RegExp(`^${path.replace(/:\w+/g, "[^/]+")}$`);
    return paths.map((path) => ({ pattern: patternOf(path), group, method, statuses }));
  }),
);

/** @returns why the answer is not allowed; empty if it is */
export function answerProblems(request: HostileRequest, answer: HostileAnswer): string[] {
  const { status, contentType, body, broken } = answer;
  if (status === 0) return ["closed the connection without an answer"];
  if (status >= 400) return errorProblems(request, answer);
  // An answer to HEAD has no body.
  if (request.method === "HEAD") return [];
  if (/^text\/event-stream|^application\/x-ndjson/.test(contentType)) return streamProblems(request.path, body, broken);
  return broken ? ["the answer is incomplete"] : [];
}

/** Problems of an answer with a status of 400 or more. */
function errorProblems(
  { method, path }: Pick<HostileRequest, "method" | "path">,
  { status, contentType, body }: Pick<HostileAnswer, "status" | "contentType" | "body">,
): string[] {
  // Node itself refuses malformed HTTP, without a body. An answer to HEAD has no body either.
  if (body === "" && (method === "HEAD" || [400, 408, 431].includes(status))) return [];
  if (!contentType.startsWith("application/json")) return [`answered ${status} as ${contentType || "nothing"}`];
  const error = jsonOf(body);
  // Malformed HTTP is refused in the native shape, because its path is unknown.
  if (ErrorBodySchema.safeParse(error).data?.error.message.startsWith("Cannot read the request:")) return [];
  if (!groupsAt(path).some((group) => group.error.safeParse(error).success))
    return [`answered ${status} with an error of an unknown shape: ${body.slice(0, 200)}`];
  const known = placesAt(path);
  const routes = known.filter((place) => place.method === method);
  if (status === errorKinds.not_found.status && known.length > 0 && routes.length === 0)
    return [`answered ${status} to a wrong method: ${body.slice(0, 200)}`];
  if (routes.length > 0 && !routes.some(({ statuses: named }) => named.includes(status)))
    return [`answered ${status}, which the reference does not name for this route: ${body.slice(0, 200)}`];
  if (status === errorKinds.unavailable.status && body.includes(offlineRefusal)) return [];
  return codeProblems(codeIn(error), status, body);
}

/** Groups with a route at this path; all groups if there is no such route. */
function groupsAt(path: string): readonly RouteGroup[] {
  const found = placesAt(path);
  return found.length > 0 ? found.map(({ group }) => group) : workerRouteGroups;
}

function placesAt(path: string): readonly RoutePlace[] {
  const pathname = pathnameOf(path);
  return places.filter(({ pattern }) => pathname !== undefined && pattern.test(pathname));
}

/** The path as a server resolves it, without `.` and `..`. */
function pathnameOf(path: string): string | undefined {
  return URL.canParse(path, "http://worker") ? new URL(path, "http://worker").pathname : undefined;
}

/** A stream must end exactly once, with an end or an error of its dialect. */
function streamProblems(path: string, body: string, broken: boolean): string[] {
  const pathname = pathnameOf(path);
  const dialect = streamDialects.find((one) => pathname === one.path || `/v1${pathname}` === one.path);
  const frames = body.startsWith("{") ? body.trimEnd().split("\n") : dataOf(body);
  const last = jsonOf(frames.at(-1) ?? "") as Readonly<Record<string, unknown>> | undefined;
  const codes = codeProblems(codeIn(last), undefined, body.slice(-300));
  if (dialect === undefined) return codes;
  const judge = createAnswerJudge({ ...dialect, named: false });
  for (const data of frames) judge.take({ data });
  const ended = judge.ending === undefined ? [`${broken ? "broke off" : "ended"} without an end`] : [];
  return [...codes, ...judge.problems, ...ended].map((problem) => `${problem}: ${body.slice(-200)}`);
}

function dataOf(body: string): string[] {
  const frames: string[] = [];
  createSseDecoder(({ data }) => frames.push(data)).feed(body);
  return frames;
}

/** The native error code of an error body or an error event, if there is one. */
function codeIn(error: unknown): unknown {
  const { type, code, error: inner } = (error ?? {}) as { type?: string; code?: unknown; error?: { code?: unknown } };
  return type === "error" && code !== undefined ? code : inner?.code;
}

function codeProblems(code: unknown, status: number | undefined, body: string): string[] {
  if (typeof code === "string" && code in errorKinds) {
    if (ourFault.includes(code as ErrorCode)) return [`answered ${code}: ${body.slice(0, 300)}`];
    const due = errorKinds[code as ErrorCode].status;
    return status === undefined || status === due ? [] : [`answered ${status} with ${code}, which is ${due}`];
  }
  // Other dialects have other codes, or no codes: then only the status is checked.
  if (status === undefined) return [];
  if (!statuses.has(status)) return [`answered ${status}, which no error has`];
  return ourStatuses.has(status) ? [`answered ${status}: ${body.slice(0, 300)}`] : [];
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
