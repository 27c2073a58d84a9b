// Owns whether this page's token may change models, as far as the worker reports.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { UsageReport } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";

export interface ChangeRights {
  /** Also true while the rights are unknown: if the token lacks the right, the worker refuses a change with a reason. */
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
        // A client without the right to see other clients sees only its own line.
        mayChange.value = clients.length !== 1 || clients[0]?.admin === true;
      } catch {
        // The page shows elsewhere that the worker does not answer.
      }
    },
  };
}
