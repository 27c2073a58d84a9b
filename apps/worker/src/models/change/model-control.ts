// Carries out an operator's changes: load, unload, pin, swap, delete, add an alias. Each change reports its progress.
import { resolve } from "node:path";
import { createConflatedChannel, inBackground } from "@waggle/async";
import type { ConflatedChannel } from "@waggle/async";
import type { DownloadControl, ModelControl, ModelChange } from "@waggle/front";
import { WaggleError } from "@waggle/protocol";
import type { ModelEvent, ModelStatus } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { sourceOf } from "../list/model.ts";
import type { Model } from "../list/model.ts";
import { findNamed } from "@waggle/jobs";
import type { ServedFile, ModelHost } from "../run/model-host-port.ts";
import type { Models } from "../list/models.ts";
import type { Prepare, UnloadReason } from "../memory/pool.ts";

/** Maximum number of additional names of a model. */
const mostAliases = 32;

/** The file of a swap. */
export type OtherFile = Pick<ServedFile, "reference" | "source">;

export interface ModelControlOptions {
  readonly models: Models;
  readonly statusOf: (entry: Model) => ModelStatus;
  /**
   * Resolves an operator's reference: a file in the models folder or in the model's folder, a model's name, or a download.
   * @throws WaggleError invalid_argument
   */
  readonly resolve: (reference: string, entry: Model) => Promise<OtherFile>;
  readonly prepare: Prepare;
  /** Deletes the files of a download; returns the number of freed bytes. */
  readonly removeFiles: (path: string) => Promise<number>;
  readonly log: Logger;
}

export function createModelControl(options: ModelControlOptions): Omit<ModelControl, keyof DownloadControl> {
  const { models, statusOf } = options;
  const { pool } = models;

  /** Progress events until the host has loaded or failed. */
  function loadingOf(host: ModelHost, done: () => ModelEvent): ModelChange {
    const now = (): ModelEvent => (isGivenUp(host) ? gaveUp(host) : stateEvent(host, done));
    const change = createConflatedChannel<ModelEvent>(now());
    if (isOver(change)) return change;
    const events = host.loading.watch();
    const follow = (): void => {
      if (isOver(change)) return;
      change.set(now());
      if (isOver(change)) inBackground("leave the progress of a load", events.return?.());
    };
    tellFailure(change, async () => {
      const forget = host.state.onChange(follow);
      for await (const _ of events) follow();
      forget();
    });
    return change;
  }

  /** Whether no further event will come: the model was unloaded by a request or deleted, or the worker is leaving. */
  function isGivenUp(host: ModelHost): boolean {
    const { state, loading } = host;
    return state.name === "unloaded"
      ? !pool.isWanted(host)
      : state.name === "loading" && loading.value.type === "failed";
  }

  /** @throws WaggleError conflict while the model is being swapped */
  function requireUnchanging(entry: Model): void {
    if (entry.changing)
      throw new WaggleError("conflict", `Cannot change model ${entry.name}: another file is about to take its place.`);
  }

  /** Runs work in the background. If the work fails, the change ends with the error. */
  function tellFailure(
    change: ConflatedChannel<ModelEvent>,
    work: () => Promise<void>,
    onFailed: () => void = () => {},
  ): void {
    work().catch((thrown: unknown) => {
      onFailed();
      const { code, message, retryable } = WaggleError.from(thrown);
      change.set({ type: "error", code, message, retryable });
    });
  }

  /** @throws WaggleError resource_exhausted */
  async function requireRoom(entry: Model, next: ModelHost): Promise<void> {
    const { memory } = await options.prepare(next);
    const why = pool.shortage(memory?.total ?? 0, [entry.current]);
    if (why === undefined) return;
    throw new WaggleError(
      "resource_exhausted",
      `Cannot load both files of ${entry.name} at the same time: ${why}. Set unload_first to unload the old file first.`,
    );
  }

  /** Runs in the background, because the model's last jobs may take long, and in a later turn, because the host's state may be changing. */
  function retireLater(host: ModelHost, reason: UnloadReason, then: () => void = () => {}): void {
    Promise.resolve()
      .then(() => models.retire(host, reason))
      .catch((error: unknown) => options.log.error({ model: host.name, err: error }, "model_retire_failed"))
      .finally(then);
  }

  /** Loads the new file while the old file serves. The new file replaces the old file as soon as the new file is loaded. */
  function swapBeside(entry: Model, next: ModelHost): ModelChange {
    entry.next = next;
    const old = entry.current;
    const settle = (): void => {
      if (entry.next !== next) return;
      const { name } = next.state;
      if (name !== "ready" && name !== "failed") return;
      entry.next = undefined;
      entry.changing = false;
      if (name === "failed") return retireLater(next, "removed");
      entry.current = next;
      entry.leaving.add(old);
      retireLater(old, "replaced", () => entry.leaving.delete(old));
    };
    // Registered before `loadingOf`, so that the status in its last event shows the new file.
    next.state.onChange(settle);
    pool.loadNow(next);
    return loadingOf(next, () => ({ type: "done", model: statusOf(entry) }));
  }

  /** Unloads the old file once its running jobs have ended. Waiting jobs run on the new file, or on the old file if the new file cannot be loaded. */
  function swapInPlace(entry: Model, file: OtherFile): ModelChange {
    const { current: host } = entry;
    const change: ConflatedChannel<ModelEvent> = createConflatedChannel<ModelEvent>({
      type: "progress",
      stage: "waiting",
    });
    const work = async (): Promise<void> => {
      await pool.unload(host, "replaced", () => host.replaceFile(file));
      pool.loadNow(host);
      const loading = loadingOf(host, () => ({ type: "done", model: statusOf(entry) }));
      for await (const event of loading.watch()) {
        if (event.type !== "progress") entry.changing = false;
        change.set(event);
        if (event.type !== "progress") return;
      }
    };
    tellFailure(change, work, () => (entry.changing = false));
    return change;
  }

  async function beginSwap(entry: Model, file: OtherFile, unloadFirst: boolean): Promise<ModelChange> {
    if (entry.current.state.name !== "ready") return swapInPlace(entry, file);
    const next = models.host(entry, file.reference, file.source);
    entry.next = next;
    try {
      await requireRoom(entry, next);
      return swapBeside(entry, next);
    } catch (error) {
      entry.next = undefined;
      await models.retire(next, "removed");
      if (!unloadFirst || !(error instanceof WaggleError) || error.code !== "resource_exhausted") throw error;
      return swapInPlace(entry, file);
    }
  }

  /** Another model that the file serves now, or will serve after a running swap. */
  function otherOn(path: string, entry: Model): Model | undefined {
    return models.entries().find((one) => one !== entry && filesOf(one).includes(resolve(path)));
  }

  return {
    load(name, keepAliveMs) {
      const entry = models.named(name);
      const { current: host } = entry;
      pool.keep(host, keepAliveMs);
      pool.loadNow(host);
      return loadingOf(host, () => ({ type: "done", model: statusOf(entry) }));
    },
    async unload(name) {
      const entry = models.named(name);
      if (entry.stay.pinned) {
        throw new WaggleError("conflict", `Cannot unload model ${entry.name}: it is pinned. Unpin it first.`);
      }
      await pool.unload(entry.current, "asked");
      return statusOf(entry);
    },
    pin(name, pinned) {
      const entry = models.named(name);
      entry.stay.pinned = pinned;
      if (pinned) pool.loadNow(entry.current);
      else pool.keep(entry.current, undefined);
      return statusOf(entry);
    },
    async swap(name, reference, { unloadFirst }) {
      const entry = models.named(name);
      requireUnchanging(entry);
      entry.changing = true;
      try {
        return await beginSwap(entry, await options.resolve(reference, entry), unloadFirst);
      } catch (error) {
        entry.changing = false;
        throw error;
      }
    },
    async remove(name) {
      const entry = models.named(name);
      if (entry.aliases.delete(name)) return 0;
      requireUnchanging(entry);
      const { current } = entry;
      const path = current.file.facts?.path ?? current.info?.modelPath;
      if (sourceOf(current) !== "download" || path === undefined) {
        const why = "Waggle has not downloaded its file, and deletes no other";
        throw new WaggleError("forbidden", `Cannot delete model ${entry.name}: ${why}.`);
      }
      const other = otherOn(path, entry);
      if (other !== undefined) {
        const why = `${other.name} is served from the same file`;
        throw new WaggleError("conflict", `Cannot delete model ${entry.name}: ${why}.`);
      }
      models.remove(entry);
      current.dispatcher.refuse(new WaggleError("not_found", `The model ${entry.name} was deleted.`));
      await models.retire(current, "removed");
      // Check again: while the last jobs ended, a download or a swap may have made another model use the file.
      return otherOn(path, entry) === undefined ? await options.removeFiles(path) : 0;
    },
    alias(name, alias) {
      const entry = models.named(name);
      // Also refuse a name that differs from another model's name only in case or tag, because jobs for the other model would arrive here.
      if (findNamed(models.entries(), alias) !== undefined)
        throw new WaggleError("conflict", `Cannot call model ${entry.name} "${alias}": that name is taken.`);
      if (entry.aliases.size >= mostAliases) {
        const why = `it has ${mostAliases} names`;
        throw new WaggleError("resource_exhausted", `Cannot call model ${entry.name} "${alias}": ${why}.`);
      }
      entry.aliases.add(alias);
    },
  };
}

/** Absolute paths of the files that serve the model now or after a running swap. */
function filesOf({ current, next }: Model): readonly string[] {
  return [current, next].flatMap((one) => {
    const path = one?.file.facts?.path ?? one?.info?.modelPath ?? one?.file.reference;
    return path === undefined ? [] : [resolve(path)];
  });
}

function isOver(change: ModelChange): boolean {
  return change.value.type !== "progress";
}

function gaveUp({ name, state, loading }: ModelHost): ModelEvent {
  const reported = state.name === "loading" && loading.value.type === "failed" ? loading.value.message : undefined;
  const why = reported ?? "it was unloaded, or the worker is leaving.";
  return { type: "error", code: "cancelled", message: `Cannot load model ${name}: ${why}`, retryable: true };
}

function stateEvent({ state, name }: ModelHost, done: () => ModelEvent): ModelEvent {
  switch (state.name) {
    case "ready":
      return done();
    case "failed":
      return {
        type: "error",
        code: "unavailable",
        message: state.reason ?? `Cannot load model ${name}.`,
        retryable: true,
      };
    case "loading":
    case "downloading":
      return { type: "progress", stage: state.name, progress: state.progress };
    case "unloaded":
    case "waiting":
    case "unloading":
      return { type: "progress", stage: "waiting" };
  }
}
