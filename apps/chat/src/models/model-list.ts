// Owns what the worker last said of its models, and that nobody asks for it twice at a time.
import { signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { ModelStatus, ModelStatuses } from "@waggle/protocol";
import type { Api } from "../wire/api.ts";

export interface ModelList {
  /** Undefined before the first answer. */
  readonly statuses: ReadonlySignal<ModelStatuses | undefined>;
  /** What to add to this browser's clock to have the worker's, in milliseconds. */
  readonly clockOffsetMs: ReadonlySignal<number>;
  /** Asks, or joins who asks already; a worker that does not answer changes nothing. */
  refresh(): Promise<void>;
}

export function createModelList(api: Api): ModelList {
  const statuses = signal<ModelStatuses | undefined>(undefined);
  const clockOffsetMs = signal(0);
  let asking: Promise<void> | undefined;

  async function ask(): Promise<void> {
    try {
      const response = await api.request("/v1/models/status");
      if (!response.ok) return;
      const at = Date.parse(response.headers.get("date") ?? "");
      statuses.value = (await response.json()) as ModelStatuses;
      if (!Number.isNaN(at)) clockOffsetMs.value = offsetOf(at, Date.now());
    } catch {
      // The pages say elsewhere that the worker does not answer.
    }
  }

  return {
    statuses,
    clockOffsetMs,
    refresh: () => (asking ??= ask().finally(() => (asking = undefined))),
  };
}

/** The header tells whole seconds, so that less than one of difference is none. */
function offsetOf(theirs: number, ours: number): number {
  const offset = theirs + 500 - ours;
  return Math.abs(offset) < 1_000 ? 0 : offset;
}

/** Whether its state is about to change by itself. */
export function isOnItsWay({ state, replacing }: ModelStatus): boolean {
  return (
    replacing !== undefined ||
    state === "waiting" ||
    state === "downloading" ||
    state === "loading" ||
    state === "unloading"
  );
}
