// Owns a served model, which is a name: the file that serves it, the next file during a swap, and files that still finish their last jobs.
// Also its status.
import { basename } from "node:path";
import { shownReference } from "@waggle/models/download";
import type { ModelSource, ModelStatus } from "@waggle/protocol";
import type { ModelSettings } from "../../config/model-settings.ts";
import type { Pool, Stay } from "../memory/pool.ts";
import type { ModelHost } from "../run/model-host-port.ts";
import { isLocalFile } from "./given-file.ts";
import { pictureAbility } from "./picture-ability.ts";

export interface Model {
  readonly name: string;
  readonly aliases: Set<string>;
  /** Name of the file that serves the model: requests may use it, too. */
  readonly fileName: string | undefined;
  /** Whether the model is the default of a worker whose settings name no default. */
  readonly isUsual: boolean;
  readonly settings: ModelSettings;
  readonly stay: Stay;
  current: ModelHost;
  next: ModelHost | undefined;
  /** Whether a swap is under way: from its request until the next file has loaded or failed. */
  changing: boolean;
  readonly leaving: Set<ModelHost>;
}

export interface StatusOptions {
  readonly pool: Pool;
  readonly isDefault: boolean;
  /** Milliseconds of the pool's clock. */
  readonly now: number;
  readonly chat: ModelStatus["chat"];
}

export function currentModelStatus(model: Model, { pool, isDefault, now, chat }: StatusOptions): ModelStatus {
  const { current: host, next, stay } = model;
  const { state, info } = host;
  const { reference, facts } = host.file;
  const source = sourceOf(host);
  const expiresAt = pool.expiresAt(host);
  const { rssBytes: measured } = host.readings;
  const memory = pool.memoryOf(host);
  const reason = state.name === "failed" || state.name === "waiting" ? state.reason : undefined;
  return {
    name: model.name,
    aliases: [...model.aliases],
    state: state.name,
    ...defined({
      reason,
      progress: progressOf(host),
      // Clients must not learn the folders of this machine.
      reference: source !== "download" || isLocalFile(reference) ? undefined : shownReference(reference),
      file: fileNameOf(host),
      kind: info?.kind ?? facts?.card?.kind,
      architecture: info?.file?.architecture ?? facts?.card?.architecture,
      quantization: info?.file?.quantization ?? facts?.card?.quantization,
      description: info?.file?.description ?? facts?.card?.description,
      parameters: info?.parameters ?? facts?.card?.parameters,
      file_bytes: facts?.bytes ?? info?.modelBytes,
      context_size: info?.contextSize,
      context_pool: info?.contextPool,
      trained_context_size: info?.trainedContextSize ?? facts?.card?.trainedContext,
      embedding_size: info?.embeddingSize ?? undefined,
      infill: info?.infill,
      vision: pictureAbility(host),
      vision_problem: info?.projector === undefined ? (info?.projectorProblem ?? facts?.pictures.problem) : undefined,
      chat,
      modified_at: info?.file?.modifiedAt ?? facts?.modifiedAt,
      memory: memory === undefined ? undefined : { ...memory, ...(measured === 0 ? {} : { measured }) },
      slots: state.name === "ready" ? { total: info?.slots ?? 0, busy: host.dispatcher.running } : undefined,
      expires_at: expiresAt === undefined ? undefined : new Date(Date.now() + expiresAt - now).toISOString(),
      replacing: next === undefined ? undefined : replacingOf(next),
      leaving: model.leaving.size === 0 ? undefined : model.leaving.size,
    }),
    source,
    deletable: source === "download",
    pinned: stay.pinned,
    default: isDefault,
    queued: host.dispatcher.waiting,
    keep_alive_s: stay.pinned || stay.keepAliveMs === Infinity ? null : stay.keepAliveMs / 1_000,
    loads: host.loads.count,
    sha256: host.fingerprints().modelSha256 ?? null,
  };
}

/** Where the model's file comes from. A download is one by its record, also if the settings name its reference or its path. */
export function sourceOf({ file: { source, reference, facts } }: ModelHost): ModelSource {
  if (source !== "file" && source !== "folder") return source;
  return facts?.isDownload === true || !isLocalFile(reference) ? "download" : source;
}

function replacingOf(next: ModelHost): ModelStatus["replacing"] {
  const { reference } = next.file;
  return {
    file: fileNameOf(next) ?? (isLocalFile(reference) ? basename(reference) : shownReference(reference)),
    state: next.state.name,
    ...defined({ progress: progressOf(next) }),
  };
}

export function fileNameOf({ file, info }: ModelHost): string | undefined {
  const path = info?.modelPath ?? file.facts?.path;
  return path === undefined ? undefined : basename(path);
}

function progressOf({ state }: ModelHost): number | undefined {
  return state.name === "loading" || state.name === "downloading" ? state.progress : undefined;
}

/** A copy without the undefined values. */
export function defined<T extends object>(facts: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
