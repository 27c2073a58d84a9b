// Owns how a test waits for a gateway's asynchronous work.
import type { FleetJob } from "@waggle/fleet";
import { vi } from "vitest";
import type { FakeFleet } from "./fake-fleet.ts";

/** Resolves once it no longer throws. */
export function until<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, { interval: 1, timeout: 60_000 });
}

/** The job that was published as the `nth`, from 0. */
export function publishedJob(fleet: FakeFleet, nth = 0): Promise<FleetJob> {
  return until(() => {
    const found = fleet.published[nth];
    if (found === undefined) throw new Error(`${fleet.published.length} jobs were published`);
    return found.job;
  });
}
