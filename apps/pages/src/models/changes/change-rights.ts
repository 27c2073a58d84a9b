// Owns whether this page's visitor may change models, as far as the server reports.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { UsageReport } from "@waggle/protocol";
import { useEffect } from "preact/hooks";
import type { Api } from "../../wire/api.ts";
import type { ModelControls } from "../model-controls.ts";

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

/** `token`: only with an admin token. `elsewhere`: not at a gateway, which has no memory for models. */
export type ChangeRight = "yes" | "token" | "elsewhere";

/** The right of this visitor. Asks again, and for the downloads too, when the component is first shown and after each new token. */
export function useChangeRight({ api, list, rights, downloads }: ModelControls): ChangeRight {
  useEffect(() => {
    void rights.refresh();
    void downloads.refresh();
  }, [rights, downloads, api.tokenAsked.value]);
  const statuses = list.statuses.value;
  if (statuses !== undefined && statuses.budget === undefined) return "elsewhere";
  return rights.mayChange.value ? "yes" : "token";
}
