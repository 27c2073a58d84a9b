// Owns how a test waits for a gateway's asynchronous work.
import type { FleetJob } from "@waggle/fleet";
import { vi } from "vitest";
import type { FakeFleet } from "./fake-fleet.ts";

/** Calls `look` until it no longer throws, and resolves with its result. */
export function until<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, { interval: 1, timeout: 60_000 });
}

/** The `nth` published job, counted from 0. */
export function publishedJob(fleet: FakeFleet, nth = 0): Promise<FleetJob> {
  return until(() => {
    const found = fleet.published[nth];
    if (found === undefined) throw new Error(`${fleet.published.length} jobs were published`);
    return found.job;
  });
}
