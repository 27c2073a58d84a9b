// Owns the contract of a dialect: its routes, and the shapes of its errors and answers. All other code knows no dialects. Decision 061.
import type { GenerateSpec, Job } from "@waggle/jobs";
import type {
  EndEvent,
  Route,
  StreamEvent,
  TerminalEvent,
  TokenEvent,
  ToolResultEvent,
  WaggleError,
} from "@waggle/protocol";
import type { AppContext } from "../server/context.ts";
import type { BatchOptions } from "./batch.ts";

export interface Dialect {
  readonly name: string;
  readonly routes: readonly DialectRoute[];
  /** Paths of this dialect. An error on an unknown route at or below such a path has this dialect's shape. */
  readonly prefixes: readonly string[];
  /** The JSON body of an error response. Status and retry headers are the same in every dialect. */
  errorBody(error: WaggleError, requestId: string): unknown;
}

/** A route of a dialect. Errors on its paths have the dialect's shape, for every method. */
export interface DialectRoute {
  readonly method: string;
  /** Paths of the route, which may contain `:name` parameters. */
  readonly paths: readonly string[];
  readonly handler: Handler;
}

export type Handler = (c: AppContext) => Response | Promise<Response>;

/** The rest of the path is the model's name: names may contain slashes, and some clients do not encode slashes. */
export function modelPath(path: string): string {
  return path.replace("/models/:id", "/models/:id{.+}");
}

/** Combines a route table of the protocol with its handlers. */
export function routesOf<Name extends string>(
  table: Readonly<Record<Name, Route>>,
  handlers: Readonly<Record<Name, Handler>>,
  pathsOf: (route: Route) => readonly string[] = ({ path }) => [path],
): readonly DialectRoute[] {
  return (Object.keys(table) as Name[]).map((name) => {
    const route = table[name];
    return { method: route.method.toUpperCase(), paths: pathsOf(route), handler: handlers[name] };
  });
}

/** A translated request: the job to run, and the shape of the answer. */
export type Generation = AnswerMode & { readonly spec: GenerateSpec };

/** A translated request with several prompts: their jobs run concurrently, and share one answer. */
export type BatchGeneration = AnswerMode & Pick<BatchOptions, "specs" | "width" | "onAccepted" | "onEnded">;

/** Whether the answer is streamed. A route that always or never streams needs only a framing or only a collector. */
export type AnswerMode =
  | { readonly streamed: boolean; readonly answer: Answer }
  | { readonly streamed: true; readonly answer: Pick<Answer, "framing"> }
  | { readonly streamed: false; readonly answer: Pick<Answer, "collector"> };

/** The two shapes of an answer. One of the functions is called, once, after the first job is accepted. */
export interface Answer {
  framing(job: Job): Framing;
  collector(job: Job): Collector;
}

export type OngoingEvent = Exclude<StreamEvent, TerminalEvent>;

/** Writes one streamed answer in a dialect. Each function returns text for the wire. */
export interface Framing {
  readonly headers: Readonly<Record<string, string>>;
  /** Whether a cancelled answer ends with `frameError`, since `frameEnd` would look like a complete answer. */
  readonly cancelledIsError: boolean;
  /** Clients recognize the text of `frameError` as an error, so the connection closes normally after it. Otherwise the connection is destroyed. */
  readonly errorIsLastWord?: true;
  /** "" if the dialect sends no text for the event, or sends the text later. */
  frame(event: OngoingEvent): string;
  /** The last text of a complete stream. */
  frameEnd(end: EndEvent): string;
  /** The last text of a failed stream. Then the connection is destroyed, unless `errorIsLastWord` is set or the error refuses the request. */
  frameError(error: WaggleError): string;
  /** Text for clients' watchdogs, after a time without events ("silent"), or after events that have no text ("unframed"). */
  keepAlive(why: "silent" | "unframed"): string;
}

export interface Collector {
  add(token: TokenEvent): void;
  /** The result of an MCP call. */
  addResult?(result: ToolResultEvent): void;
  /** The JSON body, or its text if the body was written in pieces. Not called for a cancelled answer, whose response is an error. */
  body(end: EndEvent): unknown;
}
