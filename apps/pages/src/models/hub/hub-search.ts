// Owns a search for models at the worker's hub: what was found, and the files of the repositories that a visitor opened. Draws nothing.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { HubFiles, HubModels } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";
import { responseProblem, unreachable, type Problem } from "../../wire/problem.ts";

export type Asked<T> =
  | { readonly state: "asking" }
  | { readonly state: "found"; readonly found: T }
  | { readonly state: "failed"; readonly problem: Problem };

export interface HubSearch {
  /** Undefined before the first search. */
  readonly result: ReadonlySignal<Asked<HubModels> | undefined>;
  /** The files of opened repositories, by reference. */
  readonly files: ReadonlySignal<ReadonlyMap<string, Asked<HubFiles>>>;
  /** Ends an earlier search. */
  search(query: string): void;
  /** Requests the files, unless they are known or on their way. */
  open(reference: string): void;
}

/** The worker reads headers from the hub, which takes some requests. */
const filesTimeoutMs = 120_000;

export function createHubSearch(api: Api): HubSearch {
  const result = signal<Asked<HubModels> | undefined>(undefined);
  const files = signal<ReadonlyMap<string, Asked<HubFiles>>>(new Map());
  let searching = new AbortController();

  async function ask<T>(path: string, signal?: AbortSignal): Promise<Asked<T>> {
    try {
      const init = { method: "POST", responseTimeoutMs: filesTimeoutMs, ...(signal === undefined ? {} : { signal }) };
      const response = await api.request(path, init);
      return response.ok
        ? { state: "found", found: (await response.json()) as T }
        : { state: "failed", problem: await responseProblem(response) };
    } catch {
      return { state: "failed", problem: unreachable };
    }
  }

  return {
    result,
    files,
    search(query) {
      searching.abort();
      const own = new AbortController();
      searching = own;
      result.value = { state: "asking" };
      void ask<HubModels>(`/v1/hub/models?${new URLSearchParams({ query }).toString()}`, own.signal).then((answer) => {
        if (!own.signal.aborted) result.value = answer;
      });
    },
    open(reference) {
      const known = files.peek().get(reference);
      if (known !== undefined && known.state !== "failed") return;
      const put = (answer: Asked<HubFiles>): void => void (files.value = new Map(files.peek()).set(reference, answer));
      put({ state: "asking" });
      void ask<HubFiles>(`/v1/hub/files?${new URLSearchParams({ repo: reference }).toString()}`).then(put);
    },
  };
}
