// Tests that the file on disk follows the workers and is replaced whole, and that a failed write is logged once.
import { mkdir, mkdtemp, readFile, readdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HiveWorker } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { beforeEach, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { createEndpointsFile } from "./endpoints-file.ts";

const worker = (worker_id: string, url = "http://10.0.0.1:7711"): HiveWorker => ({
  ...{ worker_id, url, model: "m", state: "ready", liveness: "alive" },
  ...{ slots: { total: 2, busy: 0 }, queue: { depth: 0, capacity: 8 }, version: "0.1.0", interval_ms: 1_000 },
  ...{ registered_at: "2026-11-02T10:00:00.000Z", last_seen_at: "2026-11-02T10:00:00.000Z", heartbeats: 1 },
});

let folder = "";
let workers: HiveWorker[] = [];
const log = { error: vi.fn(), warn: vi.fn() };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waggle-endpoints-"));
  workers = [];
  vi.clearAllMocks();
});

const fileIn = (path: string) => createEndpointsFile({ path, workers: () => workers, log: log as unknown as Logger });
async function namesIn(path: string): Promise<string[]> {
  const { endpoints } = parse(await readFile(path, "utf8")) as { endpoints: { name: string }[] };
  return endpoints.map(({ name }) => name);
}

test("a change during a write is written too, and no temporary file remains", async () => {
  const path = join(folder, "endpoints.yaml");
  const file = fileIn(path);
  file.update();
  workers.push(worker("w1"));
  file.update();
  workers.push(worker("w2"));
  // Routers can read the file whatever the umask of the process is.
  const mask = process.umask(0o077);
  file.update();
  await file.close();
  process.umask(mask);
  expect(await namesIn(path)).toEqual(["w1", "w2"]);
  expect(await readdir(folder)).toEqual(["endpoints.yaml"]);
  expect((await stat(path)).mode & 0o777).toBe(0o644);
});

test("a file with the present endpoints is not replaced", async () => {
  const path = join(folder, "endpoints.yaml");
  const first = fileIn(path);
  workers.push(worker("w1"));
  first.update();
  await expect.poll(async () => await namesIn(path)).toEqual(["w1"]);
  const { ino } = await stat(path);
  workers[0] = { ...worker("w1"), heartbeats: 7 };
  first.update();
  await first.close();
  expect((await stat(path)).ino).toBe(ino);
});

test("a failed write is logged once, and the next change tries again", async () => {
  const path = join(folder, "later", "endpoints.yaml");
  const file = fileIn(path);
  file.update();
  await expect.poll(() => log.error).toHaveBeenCalledTimes(1);
  workers.push(worker("w1"));
  file.update();
  // The second failed write has ended before a third may begin.
  await mkdir(join(folder, "later"));
  const namesAfterUpdate = (): Promise<string[]> => {
    file.update();
    return namesIn(path);
  };
  await expect.poll(namesAfterUpdate).toEqual(["w1"]);
  await file.close();
  expect(log.error).toHaveBeenCalledTimes(1);
  expect(String(log.error.mock.calls[0]?.[0])).toContain(`Cannot write the endpoints file ${path}: ENOENT`);
});

test("a worker that cannot be listed is logged once, until it can be listed", async () => {
  const file = fileIn(join(folder, "endpoints.yaml"));
  workers.push(worker("w1", "http://bee.local:7711"));
  file.update();
  file.update();
  expect(log.warn).toHaveBeenCalledTimes(1);
  workers[0] = worker("w1");
  file.update();
  workers[0] = worker("w1", "http://bee.local:7711");
  file.update();
  expect(log.warn).toHaveBeenCalledTimes(2);
  await file.close();
});
