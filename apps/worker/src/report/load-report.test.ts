// Tests what a report contains about clients, engines and the machine, and that each receiver has separate intervals.
import type { ClientUsage } from "@waggle/protocol";
import { WorkerLoadSchema, heartbeatClientsLimit } from "@waggle/protocol";
import { createWorkerMetrics } from "@waggle/telemetry";
import { expect, test } from "vitest";
import { createLoadReports } from "./load-report.ts";
import type { LoadReportOptions, MachineReadings } from "./load-report.ts";

const usage = (client: string, completion: number, requests = 1): ClientUsage => ({
  client,
  admin: false,
  requests: { accepted: requests, refused: 2 },
  jobs: { finished: requests, failed: 1, cancelled: 0 },
  running: 0,
  prompt_tokens: 10,
  cached_tokens: 5,
  completion_tokens: completion,
  models: {},
});
const readings = { threads: 1, cells: 0, eventLoopUtilization: 0, rssBytes: 100, prefixStates: 0, prefixBytes: 0 };

function reports(clients: readonly ClientUsage[], changes: Partial<LoadReportOptions> = {}) {
  const metrics = createWorkerMetrics();
  const load = createLoadReports({
    metrics,
    accounts: { report: () => ({ since: "2026-11-20T10:00:00.000Z", clients: [...clients] }) },
    engines: () => [
      { readings, starts: 2, deaths: 1 },
      { readings: { ...readings, gpu: { name: "G", usedBytes: 1, totalBytes: 2 } }, starts: 1, deaths: 0 },
    ],
    ...changes,
  });
  return { metrics, load };
}

test("clients and engines are summed up, and the measurements of this machine fit the schema", () => {
  const { load } = reports([usage("a", 7), usage("b", 3, 4)]);
  const report = WorkerLoadSchema.parse(load()());
  expect(report).toMatchObject({
    started_at: "2026-11-20T10:00:00.000Z",
    requests: { accepted: 5, refused: 4 },
    jobs: { finished: 5, failed: 2, cancelled: 0 },
    engine: { starts: 3, deaths: 1 },
    tokens: 10,
    memory: { engine_bytes: 200 },
    gpu: { name: "G", used_bytes: 1, total_bytes: 2 },
    clients: [
      { client: "a", requests: 1, prompt_tokens: 10, completion_tokens: 7 },
      { client: "b", requests: 4, prompt_tokens: 10, completion_tokens: 3 },
    ],
  });
  expect(report.memory.worker_bytes).toBeGreaterThan(0);
  expect(report.memory.total_bytes).toBeGreaterThanOrEqual(report.memory.free_bytes);
  expect(report).not.toHaveProperty("ttft");
});

test("with too many clients the report names the clients with the highest use, and never a client without use", () => {
  const many = Array.from({ length: heartbeatClientsLimit + 5 }, (_, i) => usage(`c${i}`, i));
  const idle = { ...usage("idle", 0, 0), prompt_tokens: 0 };
  const { clients = [] } = reports([idle, ...many]).load()();
  expect(clients).toHaveLength(heartbeatClientsLimit);
  expect(clients[0]?.client).toBe(`c${heartbeatClientsLimit + 4}`);
  expect(reports([idle]).load()().clients).toEqual([]);
});

test("latencies and CPU use are since the last report to the same receiver", () => {
  let idle = 0;
  let busy = 0;
  const machine: MachineReadings = {
    cores: () => [{ times: { user: busy, nice: 0, sys: 0, idle, irq: 0 } }],
    memory: () => ({ worker_bytes: 1, engine_bytes: 0, free_bytes: 1, total_bytes: 2 }),
  };
  const { metrics, load } = reports([], { machine });
  const [one, other] = [load(), load()];
  metrics.ofModel("m").ttftSeconds.observe(0.1);
  metrics.ofModel("n").itlSeconds.observe(0.01);
  [busy, idle] = [25, 75];
  expect(one()).toMatchObject({ cpu: { cores: 1, busy: 0.25 }, ttft: { count: 1 }, itl: { count: 1 } });
  busy += 100;
  const next = one();
  expect(next.cpu.busy).toBe(1);
  expect(next).not.toHaveProperty("ttft");
  // No time has passed for the system, so the last value is repeated.
  expect(one().cpu.busy).toBe(1);
  expect(other()).toMatchObject({ cpu: { busy: 0.625 }, ttft: { count: 1 } });
});
