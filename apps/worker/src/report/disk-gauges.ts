// Owns the gauges of the disks that the worker writes to. A reading is taken in the background, since a network disk can block for minutes.
import { statfs } from "node:fs/promises";
import { inBackground } from "@waggle/async";
import type { WorkerMetrics } from "@waggle/telemetry";

/** Label `folder` of the gauges: the folder of downloaded models, and the prefix store's folder if one was chosen. */
export type DiskFolders = Readonly<Partial<Record<"models" | "prefix_store", string>>>;

type DiskMetrics = Pick<WorkerMetrics, "diskBytes" | "diskFreeBytes">;

export interface DiskGauges {
  /** Begins a reading of each folder, unless one is running. The gauges have its values from the next scrape on. */
  read(metrics: DiskMetrics): void;
}

export function createDiskGauges(folders: DiskFolders, readDisk: typeof readDiskOf = readDiskOf): DiskGauges {
  const reading = new Set<string>();

  async function readFolder(folder: string, path: string, metrics: DiskMetrics): Promise<void> {
    if (reading.has(folder)) return;
    reading.add(folder);
    try {
      const { bytes, freeBytes } = await readDisk(path);
      metrics.diskBytes.set({ folder }, bytes);
      metrics.diskFreeBytes.set({ folder }, freeBytes);
    } catch {
      // A folder that cannot be read has no series: it does not exist before the first download.
      metrics.diskBytes.remove({ folder });
      metrics.diskFreeBytes.remove({ folder });
    } finally {
      reading.delete(folder);
    }
  }

  return {
    read(metrics) {
      for (const [folder, path] of Object.entries(folders))
        inBackground("measure a folder", readFolder(folder, path, metrics));
    },
  };
}

async function readDiskOf(path: string): Promise<{ readonly bytes: number; readonly freeBytes: number }> {
  const { bsize, blocks, bavail } = await statfs(path);
  return { bytes: blocks * bsize, freeBytes: bavail * bsize };
}
