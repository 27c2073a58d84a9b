// Owns the page's only long-lived connection, which reads the hive's feed, and opens it again after a loss.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { HiveEvent } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";
import { readFrames, waitToRetry } from "@waggle/client/following";
import { responseProblem, type Problem } from "../../wire/problem.ts";
import { applyHiveEvent, emptyHive, type HiveView } from "./hive-view.ts";

const retryDelayMs = 2_000;

export interface HiveFeed {
  readonly view: ReadonlySignal<HiveView>;
  readonly connection: ReadonlySignal<"opening" | "open" | "lost">;
  /** The hive's refusal of this page's requests. */
  readonly refusal: ReadonlySignal<Problem | undefined>;
}

export function followHive(api: Api): HiveFeed {
  const view = signal(emptyHive);
  const connection = signal<"opening" | "open" | "lost">("opening");
  const refusal = signal<Problem | undefined>(undefined);

  async function readOnce(): Promise<void> {
    const reading = new AbortController();
    const response = await api.request("/v1/heartbeats/stream", { signal: reading.signal });
    refusal.value = response.ok ? undefined : await responseProblem(response);
    if (!response.ok) return;
    connection.value = "open";
    for await (const event of readFrames(response, reading)) {
      view.value = applyHiveEvent(view.value, event as HiveEvent, Date.now());
    }
  }

  async function readForEver(): Promise<never> {
    for (;;) {
      await readOnce().catch(() => {});
      connection.value = "lost";
      await waitToRetry(retryDelayMs);
    }
  }

  void readForEver();
  return { view, connection, refusal };
}
