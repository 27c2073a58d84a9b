// Owns the gauge of the fleet's stores. It is read in the background, since NATS answers later than a scrape may take.
import { inBackground } from "@waggle/async";
import type { GatewaySide } from "@waggle/fleet";
import type { WorkerMetrics } from "@waggle/telemetry";

/** Returns a function that begins a reading, unless one is running. The gauge has the values from the next scrape on. */
export function createStoreGauge(side: Pick<GatewaySide, "storeUse">): (metrics: WorkerMetrics) => void {
  let reading = false;

  async function read({ fleetStoreUsed }: WorkerMetrics): Promise<void> {
    if (reading) return;
    reading = true;
    try {
      for (const [store, used] of Object.entries(await side.storeUse())) fleetStoreUsed.set({ store }, used);
    } catch {
      // Without NATS the use is not known; another alert reports the lost connection.
      fleetStoreUsed.reset();
    } finally {
      reading = false;
    }
  }

  return (metrics) => inBackground("read the use of the store", read(metrics));
}
