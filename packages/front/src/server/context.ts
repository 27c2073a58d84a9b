// Owns the data that the HTTP side keeps for a request, and the interfaces that it needs from the rest of the daemon.
import type { HttpBindings } from "@hono/node-server";
import type { ChatFormat } from "@waggle/chat-format/format";
import type { PromptTexts } from "@waggle/engine";
import type { Clock, ConflatedChannel, Pace } from "@waggle/async";
import type { Pages } from "@waggle/daemon/pages";
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
import type { RequestTrace, Traces } from "@waggle/daemon/traces";
import type { Context } from "hono";
import type { JobDispatcher, JobFinder, JobRegistry, Queries } from "@waggle/jobs";
import type { Dialect } from "../generation/dialect.ts";
import type { BodyBudget } from "../body/body-budget.ts";
import type { ClientAccounts } from "../access/client-accounts.ts";
import type { SchemaCompiler } from "../schemas/schema-compiler.ts";
import type { TokenTable } from "@waggle/daemon/tokens";

export interface AppEnv {
  /** Absent when a request is made without a socket, as tests do. */
  Bindings: Partial<HttpBindings> & {
    /** The answer to GET / on the socket that the request came on, in place of the pages. */
    readonly greeting?: string | undefined;
  };
  Variables: {
    requestId: string;
    /** The name of the API token, or `local`. */
    client: string;
    /** The client may change the worker: its token is marked admin, or this is local mode. */
    admin: boolean;
    /** Whether the client may see the usage of other clients. */
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
  /** Memory limit of all incoming bodies together. */
  readonly maxBodiesBytes: number;
  readonly maxStreamsPerClient: number;
  /** Time limit of an answer that is not streamed. */
  readonly collectTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** 0 turns the recognition of retries off. */
  readonly retryGraceMs: number;
}

export interface HttpAccess {
  readonly localMode: boolean;
  /** Accepted host names without port. In local mode, loopback names are always accepted too. */
  readonly allowedHosts: readonly string[];
  /** Whole origins, `https://chat.example`. */
  readonly allowedOrigins: readonly string[];
  /** Whether the metrics are served without a token; they then have no series of single clients. */
  readonly openMetrics: boolean;
  /** Read at each request, since the token table may be replaced at run time. */
  readonly tokens: () => TokenTable;
}

/** The worker's state for probes. */
export interface WorkerStateView {
  readonly name: WorkerStateName;
  /** Why the worker is not ready; undefined when it is. */
  readonly reason: string | undefined;
}

/** What a model's prompts are made of, and the name of its file, without its folder. */
export interface ModelPrompts extends PromptTexts {
  readonly fileName: string;
}

/** The worker, as the routes see it. */
export interface WorkerView {
  info(): WorkerInfo;
  health(): Health;
  openApi(): unknown;
  /** Brings the gauges up to date before a scrape. */
  collect(): void;
}

/** What the routes read of one of its models. A query for facts that neither a running engine nor the file has loads the model. */
export interface ServedModel {
  /** The name it is served under. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** The worker's info, with the data of this model. */
  info(): WorkerInfo;
  status(): ModelStatus;
  /** As of the engine's last report; job ids are the engine's. */
  slots(): readonly SlotStatus[];
  /** How the model's answers are written: known from the file before an engine runs. @throws WaggleError unavailable while it is unknown */
  readonly chatFormat: () => Promise<ChatFormat>;
  /** The texts from which prompts are built. @throws WaggleError unavailable while they are unknown */
  readonly prompts: () => Promise<ModelPrompts>;
  /** Checks that the model is loaded. @throws WaggleError unavailable if it is not loaded; loading then begins */
  requireLoaded(): void;
  /** Sends a query about the model to the engine. */
  readonly query: Queries["ask"];
  readonly loading: ConflatedChannel<LoadingEvent>;
}

export interface ServedModels {
  /**
   * Returns the model that a request names.
   * @throws WaggleError not_found with the names that there are; invalid_argument where it names none, and none is the default
   */
  find(name: string | null | undefined): ServedModel;
  all(): readonly ServedModel[];
  /** The model for unknown names, if one is configured. */
  readonly fallback: ServedModel | undefined;
  statuses(): ModelStatuses;
}

/** Events of a change that takes a while: any number of `progress`, and one `done` or `error`. Only the latest of them counts. */
export type ModelChange = ConflatedChannel<ModelEvent>;

/** Changes to the worker's models. Each throws WaggleError: not_found for an unknown name, conflict during another change of the model. */
export interface ModelControl {
  /** @param keepAliveMs how long it stays without a job; Infinity for ever, undefined as configured */
  load(name: string, keepAliveMs?: number): ModelChange;
  /** Resolves when the model's engine has exited. @throws WaggleError conflict when the model is pinned */
  unload(name: string): Promise<ModelStatus>;
  pin(name: string, pinned: boolean): ModelStatus;
  /** @throws WaggleError resource_exhausted when both files do not fit into memory; invalid_argument when the reference makes no sense */
  swap(name: string, reference: string, how: { readonly unloadFirst: boolean }): Promise<ModelChange>;
  /** Requests for the same download share one change. */
  pull(reference: string, name: string | undefined): ModelPull;
  /**
   * Bytes that are free again. An alias goes alone, and the model stays. @throws WaggleError forbidden when its file is not one that was
   * downloaded, conflict when another model is served from it
   */
  remove(name: string): Promise<number>;
  /** Adds an alias to the model. @throws WaggleError conflict when the name is in use */
  alias(name: string, alias: string): void;
}

export interface ModelPull {
  readonly change: ModelChange;
  /** This request no longer waits for the download. It stops when no request waits. */
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
  /** Finds jobs that are not in the registry; default: none. */
  readonly finder?: JobFinder | undefined;
  readonly models: ServedModels;
  readonly control: ModelControl;
  readonly view: WorkerView;
  readonly schemas: SchemaCompiler;
}
