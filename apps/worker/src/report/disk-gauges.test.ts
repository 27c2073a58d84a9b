// Tests the gauges of disks: their values, folders that do not exist, and a disk that does not respond.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createWorkerMetrics } from "@waggle/telemetry";
import { expect, test, vi } from "vitest";
import { createDiskGauges } from "./disk-gauges.ts";

const linesOf = async (metrics: ReturnType<typeof createWorkerMetrics>): Promise<readonly string[]> =>
  (await metrics.text()).split("\n").filter((line) => line.startsWith("waggle_disk_"));

test("each folder has the size and the free space of its disk, and a missing folder has no series", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waggle-disk-"));
  const metrics = createWorkerMetrics();
  createDiskGauges({ models: folder, prefix_store: join(folder, "missing") }).read(metrics);
  await vi.waitFor(async () => expect(await linesOf(metrics)).toHaveLength(2));
  const values = (await linesOf(metrics)).map((line) => Number(line.split(" ").at(-1)));
  expect(values[0]).toBeGreaterThan(0);
  expect(values[1]).toBeLessThanOrEqual(values[0] ?? 0);
});

test("a folder that disappears loses its series", async () => {
  const metrics = createWorkerMetrics();
  const readDisk = vi.fn(async () => ({ bytes: 100, freeBytes: 7 }));
  const gauges = createDiskGauges({ models: "/models" }, readDisk);
  gauges.read(metrics);
  await vi.waitFor(async () =>
    expect(await linesOf(metrics)).toEqual([
      'waggle_disk_bytes{folder="models"} 100',
      'waggle_disk_free_bytes{folder="models"} 7',
    ]),
  );
  readDisk.mockRejectedValue(new Error("gone"));
  gauges.read(metrics);
  await vi.waitFor(async () => expect(await linesOf(metrics)).toEqual([]));
});

test("while a disk does not respond, no second reading begins", () => {
  const readDisk = vi.fn(() => new Promise<never>(() => {}));
  const gauges = createDiskGauges({ models: "/models" }, readDisk);
  const metrics = createWorkerMetrics();
  gauges.read(metrics);
  gauges.read(metrics);
  expect(readDisk).toHaveBeenCalledOnce();
});
