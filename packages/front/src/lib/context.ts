// Owns what the HTTP side knows of a request beyond its bytes, and what it needs from the rest of the daemon.
import type { HttpBindings } from "@hono/node-server";
import type { ChatFormat } from "@waggle/chat-format";
import type { PromptTexts } from "@waggle/engine";
import type { Clock, ConflatedChannel, Pace } from "@waggle/async";
import type { Pages } from "@waggle/pages";
import type { Health, LoadingEvent, SlotStatus, WorkerInfo, WorkerStateName } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { RequestTrace, Traces } from "@waggle/tracing";
import type { Context } from "hono";
import type { Dispatcher, JobRegistry } from "@waggle/jobs";
import type { Dialect } from "./dialect.ts";
import type { BodyBudget } from "./body-budget.ts";
import type { ClientAccounts } from "./client-accounts.ts";
import type { SchemaCompiler } from "./schema-compiler.ts";
import type { TokenTable } from "./tokens.ts";

export interface AppEnv {
  /** Absent when a request is made without a socket, as tests do. */
  Bindings: Partial<HttpBindings> & {
    /** What GET / says on the socket that the request came on, in place of the pages. */
    readonly greeting?: string | undefined;
  };
  Variables: {
    requestId: string;
    /** The name of the API token, or `local`. */
    client: string;
    /** The client may change the worker: it has a token that says so, or this is local mode. */
    admin: boolean;
    /** It may see what other clients use. */
    monitor: boolean;
    /** Of the route that the request came on; the native one where there is no such route. */
    dialect: Dialect;
    log: Logger;
    /** Where a trace of the request is taken. */
    trace: RequestTrace | undefined;
    /** Of the body's text, once it has been read. */
    bodyDigest: string | undefined;
    /** What the bodies may hold that are arriving, this one's among them. */
    bodies: BodyBudget;
    /** The JSON of a body that has been looked at and not been read yet. */
    seenBody: { readonly value: unknown } | undefined;
    /** Of JSON that is read or written, in characters: megabytes of it in one turn would hold up every stream. */
    pace: Pace;
  };
}

export type AppContext = Context<AppEnv>;

export interface HttpLimits {
  readonly maxBodyBytes: number;
  /** Of all bodies together that are arriving. */
  readonly maxBodiesBytes: number;
  readonly maxStreamsPerClient: number;
  /** Longest that an answer may take which is not streamed. */
  readonly collectTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** 0: no request is taken for another one's retry. */
  readonly retryGraceMs: number;
}

export interface HttpAccess {
  readonly localMode: boolean;
  /** Host names without their port; those of loopback are known anyway in local mode. */
  readonly allowedHosts: readonly string[];
  /** Whole origins, `https://chat.example`. */
  readonly allowedOrigins: readonly string[];
  /** Read at each request: it may be replaced while we run. */
  readonly tokens: () => TokenTable;
}

/** The worker's own state, as probes are told of it. */
export interface WorkerStateView {
  readonly name: WorkerStateName;
  /** Why the worker is not ready; undefined when it is. */
  readonly reason: string | undefined;
}

/** What a model's prompts are made of, and the name of its file, without its folder. */
export interface ModelPrompts extends PromptTexts {
  readonly fileName: string;
}

/** What the routes read of the worker. */
export interface WorkerView {
  info(): WorkerInfo;
  /** As the engine last told; job ids are the engine's own. */
  slots(): readonly SlotStatus[];
  health(): Health;
  /** How the model's answers are written. @throws WaggleError unavailable before it has been loaded once */
  readonly chatFormat: () => ChatFormat;
  /** What prompts are made of. @throws WaggleError unavailable before the model has been loaded once */
  readonly prompts: () => ModelPrompts;
  openApi(): unknown;
  /** Brings the gauges up to date before a scrape. */
  collect(): void;
}

export interface AppOptions {
  readonly access: HttpAccess;
  readonly accounts: ClientAccounts;
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly traces?: Pick<Traces, "begin"> | undefined;
  readonly state: WorkerStateView;
  readonly pages: Pages;
  readonly dispatcher: Dispatcher;
  readonly registry: JobRegistry;
  readonly loading: ConflatedChannel<LoadingEvent>;
  readonly view: WorkerView;
  readonly schemas: SchemaCompiler;
}
