// Owns what a worker may answer to a hostile request: a proper success, or a typed error of the dialect that is not the worker's own fault.
import { DONE, ErrorBodySchema, OpenAiErrorSchema, errorKinds, openAiRoutes, type ErrorCode } from "@waggle/protocol";
import { pathsOfTable, type HostileAnswer, type HostileRequest } from "@waggle/testing/hostile";

/** Nothing that a client asks may lead to one of these. */
const ourFault: readonly string[] = ["internal", "engine_failed", "unavailable"] satisfies ErrorCode[];
const openAiPaths = [...pathsOfTable(openAiRoutes)].map((path) => new RegExp(`^${path.replace(/:\w+/g, "[^/]+")}$`));

/** Empty when it may answer so. */
export function answerProblems(request: HostileRequest, answer: HostileAnswer): string[] {
  const { status, contentType, body, broken } = answer;
  if (status === 0) return ["closed the connection without a word"];
  if (status >= 400) return errorProblems(request, answer);
  // An answer to HEAD has no body.
  if (request.method === "HEAD") return [];
  if (contentType.startsWith("text/event-stream")) return streamProblems(body, broken);
  return broken ? ["broke off its answer"] : [];
}

function errorProblems({ method, path }: HostileRequest, { status, contentType, body }: HostileAnswer): string[] {
  // Node refuses by itself what is no HTTP, and an answer to HEAD has no body.
  if (body === "" && (method === "HEAD" || [400, 408, 431].includes(status))) return [];
  if (!contentType.startsWith("application/json")) return [`answered ${status} as ${contentType || "nothing"}`];
  // As a server reads it: dots lead elsewhere.
  const { pathname } = new URL(path, "http://worker");
  const schema = openAiPaths.some((pattern) => pattern.test(pathname)) ? OpenAiErrorSchema : ErrorBodySchema;
  const parsed = schema.safeParse(jsonOf(body));
  if (!parsed.success) return [`answered ${status} with an error of no known shape: ${body.slice(0, 200)}`];
  return codeProblems(parsed.data.error.code, status, body);
}

/** A stream that has begun ends with its end, or with a typed error. */
function streamProblems(body: string, broken: boolean): string[] {
  const data = [...body.matchAll(/^data: ?(.*)$/gm)].map(([, text = ""]) => text);
  if (data.at(-1) === DONE) return [];
  const last = jsonOf(data.at(-1) ?? "") as { type?: string; code?: string; error?: { code?: string } } | undefined;
  const code = last?.type === "error" ? last.code : last?.error?.code;
  if (code !== undefined) return codeProblems(code, undefined, body.slice(-300));
  return [`${broken ? "broke off" : "ended"} its stream without an end: ${body.slice(-200)}`];
}

function codeProblems(code: string, status: number | undefined, body: string): string[] {
  if (!(code in errorKinds)) return [`answered with the code ${code}, which is none`];
  if (ourFault.includes(code)) return [`answered ${code}: ${body.slice(0, 300)}`];
  const due = errorKinds[code as ErrorCode].status;
  return status === undefined || status === due ? [] : [`answered ${status} with ${code}, which is ${due}`];
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
