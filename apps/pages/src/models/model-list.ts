// Owns the worker's last list of its models, with one request at a time.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { ModelStateName, ModelStatus, ModelStatuses } from "@waggle/protocol";
import type { Api } from "../wire/api.ts";

export interface ModelList {
  /** Undefined before the first answer. */
  readonly statuses: ReadonlySignal<ModelStatuses | undefined>;
  /** The worker's clock minus this browser's, in milliseconds. */
  readonly clockOffsetMs: ReadonlySignal<number>;
  /** Requests the list, or joins a request in progress; a worker that does not answer changes nothing. */
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
      // The pages show elsewhere that the worker does not answer.
    }
  }

  return {
    statuses,
    clockOffsetMs,
    refresh: () => (asking ??= ask().finally(() => (asking = undefined))),
  };
}

/** The header has whole seconds, so a difference below one second counts as zero. */
function offsetOf(theirs: number, ours: number): number {
  const offset = theirs + 500 - ours;
  return Math.abs(offset) < 1_000 ? 0 : offset;
}

const passing: readonly ModelStateName[] = ["waiting", "downloading", "loading", "unloading"];

/** Whether the model's state will change without a request. */
export function isOnItsWay({ state, replacing }: ModelStatus): boolean {
  return replacing !== undefined || passing.includes(state);
}
