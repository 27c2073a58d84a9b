// Owns whether this page's visitor may change models, as far as the server reports.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { UsageReport } from "@waggle/protocol";
import { useEffect } from "preact/hooks";
import { readJson, type Api } from "../../wire/api.ts";
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
      const report = await readJson<UsageReport>(api, "/v1/usage");
      // A client without the right to see other clients sees only its own line.
      if (report !== undefined) mayChange.value = report.clients.length !== 1 || report.clients[0]?.admin === true;
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
