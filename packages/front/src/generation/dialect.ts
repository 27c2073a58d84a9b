// Owns the contract of a dialect: the routes of one family of clients, the shape of its errors, and how an answer leaves. All else (access,
// limits, jobs, cancelling, sockets) is the same for every dialect and knows none of them.
import type { GenerateSpec, Job } from "@waggle/jobs";
import type { EndEvent, Route, StreamEvent, TerminalEvent, TokenEvent, WaggleError } from "@waggle/protocol";
import type { AppContext } from "../server/context.ts";
import type { BatchOptions } from "./batch.ts";

export interface Dialect {
  readonly name: string;
  readonly routes: readonly DialectRoute[];
  /** Paths of this dialect: an error on an unknown path at or below one of these has this dialect's shape. */
  readonly prefixes: readonly string[];
  /** The JSON body of an error's response. Its status and the headers about retrying are the same in every dialect. */
  errorBody(error: WaggleError, requestId: string): unknown;
}

/** Errors on these paths have the dialect's shape, for every method. */
export interface DialectRoute {
  readonly method: string;
  /** With `:name` parameters; the route is served on each of them. */
  readonly paths: readonly string[];
  readonly handler: Handler;
}

export type Handler = (c: AppContext) => Response | Promise<Response>;

/** The rest of the path is the model's name, since names may have slashes that not every client encodes. */
export function modelPath(path: string): string {
  return path.replace("/models/:id", "/models/:id{.+}");
}

/** A route table of the protocol with its handlers. */
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

/** A request for an answer, as its dialect has read it: the job to run, and how the answer leaves. */
export type Generation = AnswerMode & { readonly spec: GenerateSpec };

/** A request for answers to several prompts: their jobs run side by side, as one batch with one answer. */
export type BatchGeneration = AnswerMode & Pick<BatchOptions, "specs" | "width" | "onAccepted" | "onEnded">;

/** Whether the answer is streamed; a route that knows only one way needs only that one. */
export type AnswerMode =
  | { readonly streamed: boolean; readonly answer: Answer }
  | { readonly streamed: true; readonly answer: Pick<Answer, "framing"> }
  | { readonly streamed: false; readonly answer: Pick<Answer, "collector"> };

/** Both ways in which an answer can leave. The request's way is called once, after its first job has been accepted. */
export interface Answer {
  /** The streamed answer. */
  framing(job: Job): Framing;
  /** The collected answer, sent at the end. */
  collector(job: Job): Collector;
}

export type OngoingEvent = Exclude<StreamEvent, TerminalEvent>;

/** One streamed answer in its dialect's words. Each function returns text for the wire, which is sent as it is. */
export interface Framing {
  readonly headers: Readonly<Record<string, string>>;
  /** Of a cancelled answer `frameError` is asked, not `frameEnd`: this dialect's clients would take it for complete. */
  readonly cancelledIsError: boolean;
  /** What `frameError` returns cannot be taken for a complete answer, and the stream is closed after it like one that ended well. */
  readonly errorIsLastWord?: true;
  /** The text for an event; "" if the dialect sends nothing for it, or nothing yet. */
  frame(event: OngoingEvent): string;
  /** The last text of a stream that ends well. */
  frameEnd(end: EndEvent): string;
  /** The last text of a stream that fails. Then the connection is broken, unless `errorIsLastWord` is set. */
  frameError(error: WaggleError): string;
  /** What shows a client's watchdog that the stream is alive: nothing has happened for a while, or only what has no frame. */
  keepAlive(why: "silent" | "unframed"): string;
}

/** One collected answer in its dialect's words. */
export interface Collector {
  add(token: TokenEvent): void;
  /** The JSON body, or its text where it was made in pieces. Not called for a cancelled answer: its client gets the error. */
  body(end: EndEvent): unknown;
}
