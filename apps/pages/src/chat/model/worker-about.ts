// Owns the worker's model and state, which the page requests from its opening until the worker is ready.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { WorkerInfo } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";
import { waitToRetry } from "@waggle/client/following";

const askAgainMs = 2_000;

export interface WorkerAbout {
  /** Undefined before the first answer. */
  readonly info: ReadonlySignal<WorkerInfo | undefined>;
  readonly reachable: ReadonlySignal<boolean>;
  /** Asks until the worker is ready. */
  refresh(): void;
}

export function createWorkerAbout(api: Api): WorkerAbout {
  const info = signal<WorkerInfo | undefined>(undefined);
  const reachable = signal(true);
  let asking = false;

  async function askUntilReady(): Promise<void> {
    for (;;) {
      try {
        const response = await api.request("/v1/info");
        reachable.value = true;
        if (response.ok) info.value = (await response.json()) as WorkerInfo;
        if (info.value?.state === "ready" || info.value?.state === "failed") return;
      } catch {
        reachable.value = false;
      }
      await waitToRetry(askAgainMs);
    }
  }

  return {
    info,
    reachable,
    refresh() {
      if (asking) return;
      asking = true;
      void askUntilReady().finally(() => (asking = false));
    },
  };
}
