// Owns the data of a request, and the interfaces that the HTTP front needs from the rest of the daemon.
import type { HttpBindings } from "@hono/node-server";
import type { ChatFormat } from "@waggle/chat-format/format";
import type { PromptTexts } from "@waggle/engine";
import type { Clock, ConflatedChannel, Pace } from "@waggle/async";
import type { HostRules } from "@waggle/daemon/access";
import type { Pages } from "@waggle/daemon/pages";
import type {
  Download,
  Health,
  History,
  HubFiles,
  HubModels,
  LoadingEvent,
  ModelEvent,
  ModelStatus,
  ModelStatuses,
  RecommendedModels,
  SlotStatus,
  WorkerInfo,
  WorkerStateName,
} from "@waggle/protocol";
import type { LogRing, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { StreamCounter } from "../stream/stream-counter.ts";
import type { Context } from "hono";
import type { JobDispatcher, JobFinder, JobRegistry, Lane, LaneModel, Queries, WorkerOf } from "@waggle/jobs";
import type { Dialect } from "../generation/dialect.ts";
import type { BodyBudget } from "../body/body-budget.ts";
import type { ClientAccounts } from "../access/client-accounts.ts";
import type { SchemaCompiler } from "../schemas/schema-compiler.ts";
import type { TokenTable } from "@waggle/daemon/tokens";
import type { Mcp } from "../calls/calls.ts";
import type { PictureLimits, RequestPictures } from "../pictures/request-pictures.ts";

export interface AppEnv {
  /** Empty for requests without a socket: tests make such requests. */
  Bindings: Partial<HttpBindings> & {
    /** Answer to GET / on this listening socket, in place of the pages. */
    readonly greeting?: string | undefined;
    /** Set if the request is a line of a batch. Such a request comes from the lane, and has no token. */
    readonly lane?: { readonly client: string; readonly batch: string } | undefined;
  };
  Variables: {
    requestId: string;
    /** The request's place in the order of arrival, which decides between the jobs of a session. */
    ticket: number;
    /** The name of the API token, or `local`. */
    client: string;
    /** Whether the client may change the worker: its token is marked admin, or this is local mode. */
    admin: boolean;
    /** Whether the client may see the usage of other clients. */
    monitor: boolean;
    /** The dialect of the request's route; the native dialect for unknown routes. */
    dialect: Dialect;
    log: Logger;
    /** Digest of the body's text, once the body was read. */
    bodyDigest: string | undefined;
    /** Memory limit of all incoming bodies together. */
    bodies: BodyBudget;
    /** Limit for a body without its pictures. */
    maxBodyBytes: number;
    pictures: RequestPictures;
    /** The body's JSON after `lookAtBody`, until `readBody` takes it. */
    seenBody: { readonly value: unknown } | undefined;
    /** Limits the characters of JSON that one turn of the event loop reads or writes: megabytes would delay every stream. */
    pace: Pace;
  };
}

export type AppContext = Context<AppEnv>;

export interface HttpLimits extends PictureLimits {
  /** Limit for a body without its pictures. */
  readonly maxBodyBytes: number;
  /** Memory limit of all incoming bodies together, with their pictures. */
  readonly maxBodiesBytes: number;
  /** Memory limit of the pictures of all waiting and running jobs. */
  readonly picturesTotalBytes: number;
  /** Share of each model's queue, and of `picturesTotalBytes`, that one client may have. */
  readonly clientQueueShare: number;
  readonly maxStreamsPerClient: number;
  readonly pingIntervalMs: number;
  /** 0: retries are not recognized. */
  readonly retryGraceMs: number;
}

export interface HttpAccess extends HostRules {
  /** Origins such as `https://chat.example`. */
  readonly allowedOrigins: readonly string[];
  /** Whether the metrics are served without a token. A scrape without a token does not get the series of single clients. */
  readonly openMetrics: boolean;
  /** Read at each request, since the token table may be replaced at run time. */
  readonly tokens: () => TokenTable;
}

/** The worker's state for probes. */
export interface WorkerStateView {
  readonly name: WorkerStateName;
  /** Why the worker is not ready; undefined when the worker is ready. */
  readonly reason: string | undefined;
}

/** The texts from which a model's prompts are built. */
export interface ModelPrompts extends PromptTexts {
  /** Name of the model's file, without the folder. */
  readonly fileName: string;
}

export interface WorkerView {
  info(): WorkerInfo;
  health(): Health;
  openApi(): unknown;
  /** The history of this server. @param after milliseconds since 1970 @param until only older points, of the day on disk */
  history(after?: number, until?: number, stepMs?: number, left?: AbortSignal): Promise<History>;
  /** Updates the gauges before a scrape. */
  collect(streams: StreamCounter): void;
}

/** A model as the routes see it. A query that needs a running engine loads the model. */
export interface ServedModel {
  readonly name: string;
  readonly aliases: readonly string[];
  /** The worker's info with the data of this model. */
  info(): WorkerInfo;
  status(): ModelStatus;
  /** The part of the status that the lane asks for with each line: the whole status takes more time. */
  lane(): Omit<LaneModel, "name">;
  /** The slots in the engine's last report, with the engine's job ids. */
  slots(): readonly SlotStatus[];
  /** Known from the model's file before an engine runs. @throws WaggleError unavailable while the format is unknown */
  readonly chatFormat: () => Promise<ChatFormat>;
  /** @throws WaggleError unavailable while the texts are unknown */
  readonly prompts: () => Promise<ModelPrompts>;
  /** @throws WaggleError unavailable if the model is not loaded; then starts to load the model */
  requireLoaded(): void;
  /** Sends a query about the model to the engine. */
  readonly query: Queries["ask"];
  readonly loading: ConflatedChannel<LoadingEvent>;
}

export interface ServedModels {
  /**
   * Returns the model with this name or alias, or the default model without a name.
   * @throws WaggleError not_found with the existing names; invalid_argument if the request names no model and there is no default model
   */
  find(name: string | null | undefined): ServedModel;
  all(): readonly ServedModel[];
  /** The model for unknown names, if configured. */
  readonly fallback: ServedModel | undefined;
  statuses(): ModelStatuses;
}

/** Events of a change: any number of `progress`, then one `done` or `error`. A reader gets only the latest event. */
export type ModelChange = ConflatedChannel<ModelEvent>;

export interface DownloadControl {
  /**
   * Requests for the same download share one change. The download continues until `stopDownload`, or until all its requests release it.
   * @param projector whether the model's projector is downloaded too; by default true
   */
  pull(reference: string, name: string | undefined, projector?: boolean): ModelPull;
  /** Running, unfinished, failed and finished downloads. */
  downloads(): Promise<readonly Download[]>;
  /** @returns false if no download of this reference was running */
  stopDownload(reference: string): Promise<boolean>;
}

/** Changes to the worker's models. Each throws WaggleError: not_found for an unknown name, conflict during another change of the model. */
export interface ModelControl extends DownloadControl {
  /** @param keepAliveMs how long the model stays loaded without a job; Infinity: for ever; undefined: as configured */
  load(name: string, keepAliveMs?: number): ModelChange;
  /** Resolves when the model's engine has exited. @throws WaggleError conflict when the model is pinned */
  unload(name: string): Promise<ModelStatus>;
  pin(name: string, pinned: boolean): ModelStatus;
  /** @throws WaggleError resource_exhausted when both files do not fit into memory; invalid_argument for an invalid reference */
  swap(name: string, reference: string, how: { readonly unloadFirst: boolean }): Promise<ModelChange>;
  /**
   * Removes the model and its files, or only the alias of this name, or an unfinished download. Returns the number of freed bytes.
   * @throws WaggleError forbidden when the file was not downloaded by Waggle, conflict when another model uses the file
   */
  remove(name: string): Promise<number>;
  /** @throws WaggleError conflict when the name is in use */
  alias(name: string, alias: string): void;
}

/** Finds models to download. `search` and `files` throw WaggleError: unavailable without an answer of the hub, resource_exhausted. */
export interface ModelHub {
  /** Those that Waggle recommends, and which of them fit on this machine. Asks no hub. */
  recommended(): Promise<RecommendedModels>;
  search(query: string, signal: AbortSignal): Promise<HubModels>;
  /** @param repository `hf:user/repo` */
  files(repository: string, signal: AbortSignal): Promise<HubFiles>;
}

export interface ModelPull {
  readonly change: ModelChange;
  /** Ends this request's interest in the download. The download stops when all its requests have called this. */
  release(): void;
}

export interface AppOptions {
  readonly access: HttpAccess;
  readonly accounts: ClientAccounts;
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logLines: Pick<LogRing, "find">;
  readonly metrics: WorkerMetrics;
  readonly state: WorkerStateView;
  readonly pages: Pages;
  readonly dispatcher: JobDispatcher;
  readonly registry: JobRegistry;
  /** Finds jobs that are not in the registry. */
  readonly finder?: JobFinder | undefined;
  /** Undefined at a worker. */
  readonly workerOf?: WorkerOf | undefined;
  readonly models: ServedModels;
  /** Undefined where batches are not served. */
  readonly lane?: Lane | undefined;
  readonly control: ModelControl;
  /** Undefined at a gateway, which downloads no models. */
  readonly hub?: ModelHub | undefined;
  readonly view: WorkerView;
  readonly schemas: SchemaCompiler;
  /** Absent without `--mcp-config`. */
  readonly mcp?: Mcp | undefined;
  /** Begins to leave, as at SIGTERM: no new jobs, then the process exits when the running jobs have ended. */
  readonly drain: () => void;
  /** Hosts from which pictures are fetched, in lower case and without ports; none by default. */
  readonly allowedMediaHosts?: readonly string[] | undefined;
}
