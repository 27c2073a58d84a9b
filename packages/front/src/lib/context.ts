// Owns what the HTTP side knows of a request beyond its bytes, and what it needs from the rest of the daemon.
import type { HttpBindings } from "@hono/node-server";
import type { ChatFormat } from "@waggle/chat-format";
import type { PromptTexts } from "@waggle/engine";
import type { Clock, ConflatedChannel, Pace } from "@waggle/async";
import type { Pages } from "@waggle/pages";
import type {
  Health,
  LoadingEvent,
  ModelEvent,
  ModelStatus,
  ModelStatuses,
  SlotStatus,
  WorkerInfo,
  WorkerStateName,
} from "@waggle/protocol";
import type { LogRing, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { RequestTrace, Traces } from "@waggle/tracing";
import type { Context } from "hono";
import type { JobDispatcher, JobFinder, JobRegistry, Queries } from "@waggle/jobs";
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
  /** The metrics answer without a token, and then tell nothing of single clients. */
  readonly openMetrics: boolean;
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
  health(): Health;
  openApi(): unknown;
  /** Brings the gauges up to date before a scrape. */
  collect(): void;
}

/** What the routes read of one of its models. To ask for what neither its engine nor its file tells has it loaded. */
export interface ServedModel {
  /** The name it is served under. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** The worker's, with this model's facts. */
  info(): WorkerInfo;
  status(): ModelStatus;
  /** As the engine last told; job ids are the engine's own. */
  slots(): readonly SlotStatus[];
  /** How the model's answers are written: the file tells before an engine does. @throws WaggleError unavailable while nobody knows it */
  readonly chatFormat: () => Promise<ChatFormat>;
  /** What prompts are made of. @throws WaggleError unavailable while nobody knows it */
  readonly prompts: () => Promise<ModelPrompts>;
  /** For what only a loaded model has. @throws WaggleError unavailable where it is not, and begins to load it */
  requireLoaded(): void;
  /** Asks the engine something about the model. */
  readonly query: Queries["ask"];
  readonly loading: ConflatedChannel<LoadingEvent>;
}

export interface ServedModels {
  /**
   * The one that a request names.
   * @throws WaggleError not_found with the names that there are; invalid_argument where it names none, and none is the default
   */
  find(name: string | null | undefined): ServedModel;
  all(): readonly ServedModel[];
  /** What answers for names that nobody knows, where that was said. */
  readonly fallback: ServedModel | undefined;
  statuses(): ModelStatuses;
}

/** What is told of a change that takes a while: any number of `progress`, and one `done` or `error`. The latest of them is the only one that counts. */
export type ModelChange = ConflatedChannel<ModelEvent>;

/** Changes to the worker's models. Each throws WaggleError: not_found for a name that nobody knows, conflict while another change of the model is under way. */
export interface ModelControl {
  /** @param keepAliveMs how long it stays without a job; Infinity for ever, undefined as configured */
  load(name: string, keepAliveMs?: number): ModelChange;
  /** Resolves when its engine is gone. @throws WaggleError conflict when it is pinned */
  unload(name: string): Promise<ModelStatus>;
  pin(name: string, pinned: boolean): ModelStatus;
  /** @throws WaggleError resource_exhausted when both files do not fit into memory; invalid_argument when the reference makes no sense */
  swap(name: string, reference: string, how: { readonly unloadFirst: boolean }): Promise<ModelChange>;
  /** Whoever asks for the same one gets the same change. */
  pull(reference: string, name: string | undefined): ModelPull;
  /**
   * Bytes that are free again. An alias goes alone, and the model stays. @throws WaggleError forbidden when its file is not one that was
   * downloaded, conflict when another model is served from it
   */
  remove(name: string): Promise<number>;
  /** One more name for it. @throws WaggleError conflict when it is taken */
  alias(name: string, alias: string): void;
}

export interface ModelPull {
  readonly change: ModelChange;
  /** This one no longer waits for it; when nobody does, it stops. */
  release(): void;
}

export interface AppOptions {
  readonly access: HttpAccess;
  readonly accounts: ClientAccounts;
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly log: Logger;
  /** The log's last lines. */
  readonly logLines: Pick<LogRing, "last">;
  readonly metrics: WorkerMetrics;
  readonly traces?: Pick<Traces, "begin"> | undefined;
  readonly state: WorkerStateView;
  readonly pages: Pages;
  readonly dispatcher: JobDispatcher;
  readonly registry: JobRegistry;
  /** Where jobs are found that the registry does not have; by default nowhere. */
  readonly finder?: JobFinder | undefined;
  readonly models: ServedModels;
  readonly control: ModelControl;
  readonly view: WorkerView;
  readonly schemas: SchemaCompiler;
}
