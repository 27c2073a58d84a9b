// Owns what a worker may answer to a hostile request: a proper success, or a typed error of the dialect that is not the worker's own fault.
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

/** Nothing that a client asks may lead to one of these. */
const ourFault: readonly ErrorCode[] = ["internal", "engine_failed", "unavailable"];
const statuses = new Set<number>(Object.values(errorKinds).map(({ status }) => status));
const ourStatuses = new Set<number>(ourFault.map((code) => errorKinds[code].status));
/** These answer under /v1 and without it; `/completions` is llama-server's as well. */
const openAiTags = ["OpenAI", "Responses"];

interface Place {
  readonly pattern: RegExp;
  readonly group: RouteGroup;
  readonly method: string;
  /** Of the errors that the reference names there. */
  readonly statuses: readonly number[];
}

const places: readonly Place[] = workerRouteGroups.flatMap((group) =>
  Object.values(group.routes).flatMap((route) => {
    const paths = openAiTags.includes(group.tag) ? [route.path, route.path.replace("/v1", "")] : [route.path];
    const [method, statuses] = [route.method.toUpperCase(), errorsOf(route).map((code) => errorKinds[code].status)];
    const patternOf = (path: string): RegExp => new RegExp(`^${path.replace(/:\w+/g, "[^/]+")}$`);
    return paths.map((path) => ({ pattern: patternOf(path), group, method, statuses }));
  }),
);

/** Empty when it may answer so. */
export function answerProblems(request: HostileRequest, answer: HostileAnswer): string[] {
  const { status, contentType, body, broken } = answer;
  if (status === 0) return ["closed the connection without a word"];
  if (status >= 400) return errorProblems(request, answer);
  // An answer to HEAD has no body.
  if (request.method === "HEAD") return [];
  if (/^text\/event-stream|^application\/x-ndjson/.test(contentType)) return streamProblems(request.path, body, broken);
  return broken ? ["broke off its answer"] : [];
}

/** Of an answer with a status of 400 and more. */
export function errorProblems(
  { method, path }: Pick<HostileRequest, "method" | "path">,
  { status, contentType, body }: Pick<HostileAnswer, "status" | "contentType" | "body">,
): string[] {
  // Node refuses by itself what is no HTTP, and an answer to HEAD has no body.
  if (body === "" && (method === "HEAD" || [400, 408, 431].includes(status))) return [];
  if (!contentType.startsWith("application/json")) return [`answered ${status} as ${contentType || "nothing"}`];
  const error = jsonOf(body);
  // What is no HTTP is refused before anybody knows whose path it is.
  if (ErrorBodySchema.safeParse(error).data?.error.message.startsWith("Cannot read the request:")) return [];
  if (!groupsAt(path).some((group) => group.error.safeParse(error).success))
    return [`answered ${status} with an error of no known shape: ${body.slice(0, 200)}`];
  const routes = placesAt(path).filter((place) => place.method === method);
  if (routes.length > 0 && !routes.some(({ statuses: named }) => named.includes(status)))
    return [`answered ${status}, which the reference does not name there: ${body.slice(0, 200)}`];
  return codeProblems(codeIn(error), status, body);
}

/** Those that may answer there: whose routes have the path, or any where none has it. */
function groupsAt(path: string): readonly RouteGroup[] {
  const found = placesAt(path);
  return found.length > 0 ? found.map(({ group }) => group) : workerRouteGroups;
}

function placesAt(path: string): readonly Place[] {
  const pathname = pathnameOf(path);
  return places.filter(({ pattern }) => pathname !== undefined && pattern.test(pathname));
}

/** As a server reads it: dots lead elsewhere. */
function pathnameOf(path: string): string | undefined {
  return URL.canParse(path, "http://worker") ? new URL(path, "http://worker").pathname : undefined;
}

/** A stream that has begun ends once, with its end or an error of its dialect. */
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

/** The native code, where an error or an event that is one says it. */
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
  // Other dialects have other codes, or none: then the status says it.
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
