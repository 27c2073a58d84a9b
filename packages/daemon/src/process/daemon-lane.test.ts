// Tests the folders of two daemons of a user, and of a daemon without a lasting name.
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DaemonLane, LaneFront } from "@waggle/jobs";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createDaemonLane } from "./daemon-lane.ts";

let batchDir: string;
const lanes: DaemonLane[] = [];
beforeEach(() => void (batchDir = mkdtempSync(join(tmpdir(), "waggle-daemons-"))));
afterEach(async () => {
  await Promise.all(lanes.splice(0).map((lane) => lane.close()));
});

function open(instance: string, hasLastingId = true): DaemonLane {
  const limits = { maxBatchWindowMs: 1, maxBodyBytes: 100, clientQueueShare: 1 };
  const lane = createDaemonLane({
    config: { instance, hasLastingId, batchDir, ...limits },
    clock: createFakeClock(),
    log: createLogger({ level: "silent", format: "json", name: "test" }),
    metrics: createWorkerMetrics(),
  });
  lanes.push(lane);
  lane.attend({
    answer: async () => undefined,
    refusalFor: () => undefined,
    shapes: {} as LaneFront["shapes"],
    model: () => undefined,
  });
  return lane;
}

async function upload(lane: DaemonLane): Promise<void> {
  const receiving = await lane.files.receive("c", 10);
  await receiving.write(Buffer.from("{}"));
  await receiving.finish({ filename: "a", purpose: "batch", expiresAt: Infinity });
}

it("gives each daemon a folder under its name, and a second one of the name none", async () => {
  const first = open("worker-a-1");
  await upload(first);
  await upload(open("../b:2"));
  expect(readdirSync(batchDir).toSorted()).toEqual(
    ["_b_2", "worker-a-1"].map((name) => expect.stringContaining(name) as string),
  );
  await expect(upload(open("worker-a-1"))).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("another process uses it") as string,
  });
  await first.close();
  expect(await open("worker-a-1").files.list("c")).toHaveLength(1);
});

it("removes the folder of a daemon whose next start has another name", async () => {
  const lane = open("worker-a-p7", false);
  await upload(lane);
  const folder = join(batchDir, "worker-a-p7");
  expect(existsSync(folder)).toBe(true);
  await lane.close();
  expect(existsSync(folder)).toBe(false);
});
