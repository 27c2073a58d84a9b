// Owns the entry of a model's name: the file that serves it, the next file during a swap, and files that still finish their last jobs. Also
// its status.
import { basename } from "node:path";
import type { ModelCard } from "@waggle/models/header";
import { shownReference } from "@waggle/models/download";
import type { ModelSource, ModelStatus } from "@waggle/protocol";
import type { ModelSettings } from "../../config/model-settings.ts";
import type { MemoryPlan } from "../memory/memory-plan.ts";
import { isLocalFile } from "./given-file.ts";
import type { ModelHost } from "../run/model-host-port.ts";
import type { Pool } from "../memory/pool.ts";

export interface ModelFileFacts {
  /** Path of the first part. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAt: string;
  /** Undefined when the header could not be read. */
  readonly card: ModelCard | undefined;
  /** Undefined when the memory needs are unknown. */
  readonly plan: MemoryPlan | undefined;
}

/** A host, and the facts of the file that it serves. */
export interface HostedFile {
  readonly host: ModelHost;
  /** A path, or a reference to download. */
  readonly reference: string;
  readonly source: ModelSource;
  readonly settings: ModelSettings;
  /** Undefined until the file is on disk and its header was read. */
  facts: ModelFileFacts | undefined;
  /** Reference of the file that an engine has loaded last. */
  loaded?: string;
  /** The previous file, which the host loads again if this file cannot be loaded. */
  former?: Pick<HostedFile, "reference" | "source" | "facts"> | undefined;
}

export interface ModelEntry {
  readonly name: string;
  readonly aliases: Set<string>;
  pinned: boolean;
  readonly settings: ModelSettings;
  readonly keepAliveMs: number;
  current: HostedFile;
  next: HostedFile | undefined;
  /** Whether a swap is under way: from its request until the next file has loaded or failed. */
  changing: boolean;
  readonly leaving: Set<HostedFile>;
}

export interface StatusOptions {
  readonly pool: Pool;
  readonly isDefault: boolean;
  /** Milliseconds of the pool's clock. */
  readonly now: number;
  readonly chat: ModelStatus["chat"];
}

export function statusOf(entry: ModelEntry, { pool, isDefault, now, chat }: StatusOptions): ModelStatus {
  const { current, next } = entry;
  const { host, facts, source } = current;
  const { state, info } = host;
  const expiresAt = pool.expiresAt(host);
  const { rssBytes: measured } = host.readings;
  const memory = pool.memoryOf(host);
  const reason = state.name === "failed" || state.name === "waiting" ? state.reason : undefined;
  return {
    name: entry.name,
    aliases: [...entry.aliases],
    state: state.name,
    ...defined({
      reason,
      progress: progressOf(current),
      // Clients must not learn the folders of this machine.
      reference:
        source !== "download" || isLocalFile(current.reference) ? undefined : shownReference(current.reference),
      file: fileNameOf(current),
      kind: info?.kind ?? facts?.card?.kind,
      architecture: info?.file?.architecture ?? facts?.card?.architecture,
      quantization: info?.file?.quantization ?? facts?.card?.quantization,
      description: info?.file?.description ?? facts?.card?.description,
      parameters: info?.parameters ?? facts?.card?.parameters,
      file_bytes: facts?.bytes ?? info?.modelBytes,
      context_size: info?.contextSize,
      trained_context_size: info?.trainedContextSize ?? facts?.card?.trainedContext,
      embedding_size: info?.embeddingSize ?? undefined,
      infill: info?.infill,
      chat,
      modified_at: info?.file?.modifiedAt ?? facts?.modifiedAt,
      memory: memory === undefined ? undefined : { ...memory, ...(measured === 0 ? {} : { measured }) },
      slots: state.name === "ready" ? { total: info?.slots ?? 0, busy: host.dispatcher.running } : undefined,
      expires_at: expiresAt === undefined ? undefined : new Date(Date.now() + expiresAt - now).toISOString(),
      replacing: next === undefined ? undefined : replacingOf(next),
      leaving: entry.leaving.size === 0 ? undefined : entry.leaving.size,
    }),
    source,
    deletable: source === "download",
    pinned: entry.pinned,
    default: isDefault,
    queued: host.dispatcher.waiting,
    keep_alive_s: entry.pinned || entry.keepAliveMs === Infinity ? null : entry.keepAliveMs / 1_000,
    loads: host.loads.count,
    sha256: host.fingerprints().modelSha256 ?? null,
  };
}

function replacingOf(next: HostedFile): ModelStatus["replacing"] {
  return {
    file: fileNameOf(next) ?? (isLocalFile(next.reference) ? basename(next.reference) : shownReference(next.reference)),
    state: next.host.state.name,
    ...defined({ progress: progressOf(next) }),
  };
}

function fileNameOf({ facts, host }: HostedFile): string | undefined {
  const path = host.info?.modelPath ?? facts?.path;
  return path === undefined ? undefined : basename(path);
}

function progressOf({ host }: HostedFile): number | undefined {
  const loading = host.loading.value;
  const underWay = host.state.name === "loading" || host.state.name === "downloading";
  return underWay && loading.type === "loading" ? loading.progress : undefined;
}

/** A copy without the undefined values. */
function defined<T extends object>(facts: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
