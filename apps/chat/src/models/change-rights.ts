// Owns whether this page's token may change models, as far as the worker tells.
import { signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { UsageReport } from "@waggle/protocol";
import type { Api } from "../wire/api.ts";

export interface ChangeRights {
  /** True also where nobody knows: then the worker refuses, and says why. */
  readonly mayChange: ReadonlySignal<boolean>;
  refresh(): Promise<void>;
}

export function createChangeRights(api: Api): ChangeRights {
  const mayChange = signal(true);
  return {
    mayChange,
    async refresh() {
      try {
        const response = await api.request("/v1/usage");
        if (!response.ok) return;
        const { clients } = (await response.json()) as UsageReport;
        // Whoever may not see others sees one line, their own.
        mayChange.value = clients.length !== 1 || clients[0]?.admin === true;
      } catch {
        // The page says elsewhere that the worker does not answer.
      }
    },
  };
}
