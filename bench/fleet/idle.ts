// Measures the traffic of a fleet without jobs: messages and bytes per second through nats-server, by the server's own counters.
import { sleep } from "@waggle/async";
import { startFleet, type NatsTraffic, type ProcessGroups } from "@waggle/testing/harness";

/** Wait after the start, until NATS consumers exist and models are announced. */
const settleMs = 12_000;
/** Long enough for several rounds of all periodic messages. */
const measureMs = 30_000;

/** Messages and bytes per second, with one gateway and this many workers of the fake backend. */
export async function measureIdle(groups: ProcessGroups, workers: number, signal: AbortSignal): Promise<NatsTraffic> {
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
