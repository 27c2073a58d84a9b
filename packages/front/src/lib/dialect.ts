// Owns what a dialect is: the routes of one family of clients, where its clients put their token, how its errors read, and how an answer
// leaves. All else (who may come in, limits, jobs, cancelling, sockets) is the same for every dialect and knows none of them.
import type { GenerateSpec, Job } from "@waggle/jobs";
import type { EndEvent, Route, StreamEvent, TerminalEvent, TokenEvent, WaggleError } from "@waggle/protocol";
import type { AppContext } from "./context.ts";
import type { SeveralOptions } from "./several.ts";

export interface Dialect {
  readonly name: string;
  readonly routes: readonly DialectRoute[];
  /** An error on a path of no route is this dialect's where the path is one of these, or below one. */
  readonly prefixes: readonly string[];
  /** The API token that a request presents, if it presents one. */
  credential(header: (name: string) => string | undefined): string | undefined;
  /** The JSON body of an error's response. Its status and the headers about retrying are the same in every dialect. */
  errorBody(error: WaggleError, requestId: string): unknown;
}

/** Whatever the method, an error on one of these paths is the dialect's. */
export interface DialectRoute {
  readonly method: string;
  /** With `:name` parameters; the route answers on each of them. */
  readonly paths: readonly string[];
  readonly handler: Handler;
}

export type Handler = (c: AppContext) => Response | Promise<Response>;

/** A model's name may have slashes, which not every client encodes: it is the rest of the path. */
export function modelPath(path: string): string {
  return path.replace("/models/:id", "/models/:id{.+}");
}

/** A route table of the protocol with its handlers. */
export function routesOf<Name extends string>(
  table: Readonly<Record<Name, Route>>,
  handlers: Readonly<Record<Name, Handler>>,
  pathsOf: (route: Route) => readonly string[],
): readonly DialectRoute[] {
  return (Object.keys(table) as Name[]).map((name) => {
    const route = table[name];
    return { method: route.method.toUpperCase(), paths: pathsOf(route), handler: handlers[name] };
  });
}

/** A request for an answer, once its dialect has read it: what the worker is asked for, and how the answer leaves. */
export interface Generation {
  readonly spec: GenerateSpec;
  readonly answer: Streamed | Collected;
}

/** A request for several answers to several prompts, as one: their jobs run side by side. */
export interface SeveralGenerations extends Pick<SeveralOptions, "specs" | "width" | "onAccepted" | "onEnded"> {
  readonly answer: SeveralStreamed | SeveralCollected;
}

/** `framing` is called once, when the first job has been accepted. */
export interface SeveralStreamed {
  readonly kind: "streamed";
  framing(): Framing;
}

/** `collector` is called once, when the first job has been accepted. */
export interface SeveralCollected {
  readonly kind: "collected";
  collector(): Collector;
}

/** As it comes, event by event. `framing` is called once, when the job has been accepted. */
export interface Streamed {
  readonly kind: "streamed";
  framing(job: Job): Framing;
}

/** In one piece, at its end. `collector` is called once, when the job has been accepted. */
export interface Collected {
  readonly kind: "collected";
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
  /** "" where this dialect has nothing to say, perhaps yet. */
  frame(event: OngoingEvent): string;
  /** The last text of a stream that ends well. */
  frameEnd(end: EndEvent): string;
  /** The last text of one that does not; after it the connection is broken, but for `errorIsLastWord`. */
  frameError(error: WaggleError): string;
  /** What shows a client's watchdog that the stream is alive: nothing has happened for a while, or only what has no frame. */
  keepAlive(why: "silent" | "unframed"): string;
}

/** One collected answer in its dialect's words. */
export interface Collector {
  add(token: TokenEvent): void;
  /** The JSON body. A cancelled answer is never asked for: its client gets the error. */
  body(end: EndEvent): unknown;
}
