// Owns what a fleet without jobs costs: messages and bytes that pass nats-server in a second, by the server's own counters.
import { sleep } from "@waggle/async";
import type { NatsTraffic, ProcessGroups } from "@waggle/harness";
import { startFleet } from "./stage.ts";

/** After the start: consumers are made, models described. */
const settleMs = 12_000;
/** Several rounds of everything that happens now and then. */
const measureMs = 30_000;

/** Each per second. */
export type IdleTraffic = NatsTraffic;

/** One gateway and so many workers of the fake backend, without jobs. */
export async function measureIdle(groups: ProcessGroups, workers: number, signal: AbortSignal): Promise<IdleTraffic> {
  const plans = Array.from({ length: workers }, (_, i) => ({ name: `bee-${i + 1}`, slots: 4, stepMs: 10 }));
  await using stage = await startFleet(groups, { workers: plans, gateways: 1 });
  await stage.complete();
  await sleep(settleMs, { signal });
  const before = await stage.nats.traffic();
  await sleep(measureMs, { signal });
  const after = await stage.nats.traffic();
  const perSecond = (key: keyof NatsTraffic): number => ((after[key] - before[key]) * 1_000) / measureMs;
  return {
    messagesReceived: perSecond("messagesReceived"),
    messagesSent: perSecond("messagesSent"),
    bytesReceived: perSecond("bytesReceived"),
    bytesSent: perSecond("bytesSent"),
  };
}
