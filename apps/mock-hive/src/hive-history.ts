// Keeps the history of the last hour, of all workers together and of each worker, from their heartbeats. Latencies are added up by bucket, so that
// a quantile is that of all workers' values.
import { inBackground } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { addBuckets, growthOfBuckets, historyPointsLimit, latencyOf } from "@waggle/protocol";
import type {
  Heartbeat,
  HiveEvent,
  HiveHistory,
  HiveHistoryPoint,
  HiveWorker,
  LatencyBuckets,
  WorkerLoad,
} from "@waggle/protocol";
import { createHistory, takeRegularly, type History, type PointTime } from "@waggle/telemetry";

/** Limit of the points of all single workers together. Above 100 workers, each worker has less than an hour. */
export const singlePointsLimit: number = 100 * historyPointsLimit;

export interface HiveHistoryOptions {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly workers: () => readonly Pick<HiveWorker, "worker_id" | "liveness">[];
}

export interface HiveHistoryKeeper {
  /** Call for each event of the registry. */
  follow(event: HiveEvent): void;
  /** @param after milliseconds since 1970 */
  since(filter: { readonly workerId?: string | undefined; readonly after?: number | undefined }): Promise<HiveHistory>;
  /** Stops the timer. */
  close(): void;
}

type Figures = Omit<HiveHistoryPoint, keyof PointTime>;

/** Counts of heartbeats so far. They never decrease, even if a worker restarts. */
interface Counts {
  readonly accepted: number;
  readonly failed: number;
  readonly ttft: LatencyBuckets;
  readonly itl: LatencyBuckets;
}

/** A worker's heartbeats since the last point. Without any, the values of the heartbeat before. */
interface Present {
  /** The highest values, because a chart of load must show a short peak. */
  readonly running: number;
  readonly waiting: number;
  /** Tokens per second, and the number of heartbeats with them. */
  readonly rates: { readonly sum: number; readonly count: number };
  readonly last: Heartbeat;
}

interface Tally {
  counts: Counts;
  present: Present | undefined;
  readonly history: History<Figures>;
}

interface Reading {
  readonly counts: Counts;
  /** Of the workers that are alive. */
  readonly present: readonly Present[];
}

const noCounts: Counts = { accepted: 0, failed: 0, ttft: {}, itl: {} };

export function createHiveHistory({ clock, wallClock, workers }: HiveHistoryOptions): HiveHistoryKeeper {
  const tallies = new Map<string, Tally>();
  let all = noCounts;
  /** Ids of the workers that were alive when the history was last asked for or added to. */
  let alive: ReadonlySet<string> = new Set();
  const whole = createHistory<Reading, Figures>({
    clock,
    timeOfDay: wallClock,
    read: () => ({ counts: all, present: presentOf(tallies.keys()) }),
    figuresOf,
  });
  const timer = takeRegularly(clock, take);

  function updateAlive(): void {
    alive = new Set(workers().flatMap(({ worker_id, liveness }) => (liveness === "alive" ? worker_id : [])));
  }

  function presentOf(ids: Iterable<string>): readonly Present[] {
    return [...ids].flatMap((id) => (alive.has(id) ? (tallies.get(id)?.present ?? []) : []));
  }

  function tallyOf(id: string): Tally {
    const known = tallies.get(id);
    if (known !== undefined) return known;
    const read = (): Reading => ({ counts: tallies.get(id)?.counts ?? noCounts, present: presentOf([id]) });
    const history = createHistory<Reading, Figures>({ clock, timeOfDay: wallClock, read, figuresOf });
    const tally: Tally = { counts: noCounts, present: undefined, history };
    tallies.set(id, tally);
    return tally;
  }

  function count(heartbeat: Heartbeat): void {
    const tally = tallyOf(heartbeat.worker_id);
    const grown = growthBetween(tally.present?.last.load, heartbeat.load);
    tally.counts = addCounts(tally.counts, grown);
    all = addCounts(all, grown);
    const { running, waiting, rates } = tally.present ?? presentAfter(heartbeat);
    const { slots, queue, tokens_per_second: rate } = heartbeat;
    tally.present = {
      running: Math.max(running, slots.busy),
      waiting: Math.max(waiting, queue.depth),
      rates: rate === undefined ? rates : { sum: rates.sum + rate, count: rates.count + 1 },
      last: heartbeat,
    };
  }

  function take(): void {
    const listed = new Set(workers().map(({ worker_id: id }) => id));
    for (const id of tallies.keys()) if (!listed.has(id)) tallies.delete(id);
    updateAlive();
    inBackground("take the history", whole.take());
    const each = Math.min(historyPointsLimit, Math.floor(singlePointsLimit / Math.max(1, tallies.size)));
    for (const { history } of tallies.values()) inBackground("take the history", history.take(each));
    // All points above have read the values.
    for (const tally of tallies.values())
      if (tally.present !== undefined) tally.present = presentAfter(tally.present.last);
  }

  return {
    follow(event) {
      if (event.type === "heartbeat") count(event.heartbeat);
    },
    async since({ workerId, after }) {
      updateAlive();
      const history = workerId === undefined ? whole : tallies.get(workerId)?.history;
      return (await history?.since(after)) ?? { points: [] };
    },
    close: timer.cancel,
  };
}

function presentAfter(last: Heartbeat): Present {
  return { running: last.slots.busy, waiting: last.queue.depth, rates: { sum: 0, count: 0 }, last };
}

function rateOf({ rates, last }: Present): number {
  return rates.count > 0 ? rates.sum / rates.count : (last.tokens_per_second ?? 0);
}

/** What a worker did between two heartbeats. Without an earlier heartbeat, its counts so far are not new. */
function growthBetween(before: WorkerLoad | undefined, now: WorkerLoad | undefined): Counts {
  if (now === undefined) return noCounts;
  const { ttft, itl } = now;
  const restarted = before !== undefined && before.started_at !== now.started_at;
  const grown = (of: (load: WorkerLoad) => number): number =>
    before === undefined ? 0 : Math.max(0, of(now) - (restarted ? 0 : of(before)));
  return {
    accepted: grown(({ requests }) => requests.accepted),
    failed: grown(({ jobs }) => jobs.failed),
    ttft: ttft?.buckets ?? {},
    itl: itl?.buckets ?? {},
  };
}

function addCounts(one: Counts, other: Counts): Counts {
  return {
    accepted: one.accepted + other.accepted,
    failed: one.failed + other.failed,
    ttft: addBuckets([one.ttft, other.ttft]),
    itl: addBuckets([one.itl, other.itl]),
  };
}

function figuresOf(before: Reading, { counts, present }: Reading): Figures {
  const [ttft, itl] = [
    latencyOf(growthOfBuckets(before.counts.ttft, counts.ttft)),
    latencyOf(growthOfBuckets(before.counts.itl, counts.itl)),
  ];
  return {
    tokens_per_second: Math.round(sum(present.map(rateOf)) * 10) / 10,
    running: sum(present.map(({ running }) => running)),
    waiting: sum(present.map(({ waiting }) => waiting)),
    accepted: counts.accepted - before.counts.accepted,
    errors: counts.failed - before.counts.failed,
    ...(ttft === undefined ? {} : { ttft }),
    ...(itl === undefined ? {} : { itl }),
    ...machinesOf(present.flatMap(({ last }) => last.load ?? [])),
  };
}

function machinesOf(loads: readonly WorkerLoad[]): Pick<Figures, "cpu" | "memory" | "gpu_use"> {
  if (loads.length === 0) return {};
  const busy = loads.map(({ cpu }) => cpu.busy);
  const gpus = loads.flatMap(({ gpu }) => (gpu === undefined ? [] : gpu.used_bytes / (gpu.total_bytes || 1)));
  return {
    cpu: { mean: Math.round(mean(busy) * 1_000) / 1_000, most: Math.max(...busy) },
    memory: {
      used_bytes: sum(loads.map(({ memory }) => memory.worker_bytes + memory.engine_bytes)),
      free_bytes: Math.min(...loads.map(({ memory }) => memory.free_bytes)),
    },
    ...(gpus.length === 0 ? {} : { gpu_use: Math.min(1, Math.max(...gpus)) }),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
