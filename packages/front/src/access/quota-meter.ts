// Measures a client's use of its quota, and rejects jobs beyond the quota. The quota may change at any time; earlier use still counts.
import type { Clock } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { QuotaUse } from "@waggle/protocol";
import { formatDuration } from "@waggle/daemon/terminal";
import { createSlidingWindow } from "./sliding-window.ts";
import type { SlidingWindow } from "./sliding-window.ts";
import type { Quota } from "@waggle/daemon/tokens";

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Number of cells in a window: a cell is one second of a minute, or ten minutes of a day. */
const cellsOfMinute = 60;
const cellsOfDay = 144;
/** Retry-After while too many jobs are live: their ends cannot be predicted. */
const retryRunningAfterS = 1;

export interface QuotaMeter {
  /**
   * Counts a request and its job, unless the quota is used up.
   * @param inPlace the job replaces a live job
   * @throws WaggleError resource_exhausted, without counting the request
   */
  admit(quota: Quota, inPlace: boolean): Admission;
  /** Counts a further job of an admitted request. */
  follow(): Admission;
  /**
   * Why no further line of a batch may begin now; undefined if one may. Lines use what the client's other jobs leave of the quota. Each line that
   * runs counts with as many tokens as the largest line so far: lines that begin together would each see a quota that is not used up.
   */
  lineRefusal(quota: Quota): string | undefined;
  /** Counts a line as a job until `endLine`. @param trace that of its jobs */
  beginLine(trace: string): void;
  endLine(trace: string): void;
  /**
   * Milliseconds until the tokens of the last minute are below the quota; 0 if they are.
   * @throws WaggleError resource_exhausted if the quota of the day is used up
   */
  tokensInMs(quota: Quota): number;
  /** Number of further jobs that the quota allows to wait or run. */
  room(quota: Quota): number;
  /** @param trace that of the job */
  useTokens(tokens: number, trace: string): void;
  /** Number of jobs that wait or run. */
  readonly live: number;
  /** The unused part of each limited quantity; undefined without limits. */
  left(quota: Quota): QuotaUse | undefined;
}

export interface Admission {
  ended(): void;
  /** Called when the job is rejected later: uncounts the job, and its request if `admit` counted the request. */
  withdrawn(): void;
}

type WindowKey = Exclude<keyof Quota, "runningJobs">;

const words = {
  requestsPerMinute: ["requests_per_minute", "requests per minute"],
  tokensPerMinute: ["tokens_per_minute", "tokens per minute"],
  tokensPerDay: ["tokens_per_day", "tokens per day"],
} as const satisfies Record<WindowKey, readonly [string, string]>;
const windowKeys = Object.keys(words) as WindowKey[];
const tokenKeys = ["tokensPerMinute", "tokensPerDay"] as const;

export function createQuotaMeter(clock: Clock): QuotaMeter {
  const windows: Readonly<Record<WindowKey, SlidingWindow>> = {
    requestsPerMinute: createSlidingWindow(minuteMs, cellsOfMinute),
    tokensPerMinute: createSlidingWindow(minuteMs, cellsOfMinute),
    tokensPerDay: createSlidingWindow(dayMs, cellsOfDay),
  };
  /** Jobs of requests. */
  let live = 0;
  /** The lines that run, with the tokens that each has used, by the traces of their jobs. */
  const lines = new Map<string, number>();
  /** Tokens of the largest line that has ended. Until then one line runs at a time, if tokens are limited. */
  let mostOfLine = Infinity;

  function waitMsFor(quota: Quota, key: WindowKey): number {
    const limit = quota[key];
    return limit === undefined ? 0 : windows[key].belowInMs(limit, clock.now());
  }

  function checkWindow(quota: Quota, key: WindowKey): void {
    const waitMs = waitMsFor(quota, key);
    if (waitMs === 0) return;
    const retryAfterS = Math.ceil(waitMs / 1_000);
    const reason = `${usedUpReason(quota, key)}. Retry in ${formatDuration(retryAfterS * 1_000)}`;
    throw refused(words[key][0], reason, retryAfterS);
  }

  function check(quota: Quota, inPlace: boolean): void {
    for (const key of windowKeys) checkWindow(quota, key);
    const { runningJobs: limit } = quota;
    if (limit !== undefined && !inPlace && live >= limit) {
      throw refused("running_jobs", `${runningReason(limit)}. Retry when one has ended`, retryRunningAfterS);
    }
  }

  function begin(onWithdrawn: () => void): Admission {
    live += 1;
    let over = false;
    const end = (): boolean => {
      if (over) return false;
      over = true;
      live -= 1;
      return true;
    };
    return { ended: () => void end(), withdrawn: () => void (end() && onWithdrawn()) };
  }

  return {
    admit(quota, inPlace) {
      check(quota, inPlace);
      return begin(windows.requestsPerMinute.add(1, clock.now()));
    },
    follow: () => begin(() => {}),
    lineRefusal(quota) {
      const { runningJobs = Infinity } = quota;
      if (live + lines.size >= runningJobs) return runningReason(runningJobs);
      const expected = [...lines.values()].reduce((sum, used) => sum + Math.max(0, mostOfLine - used), 0);
      const now = clock.now();
      const isFull = (key: WindowKey, limit = quota[key]): boolean =>
        limit !== undefined && windows[key].used(now) + expected >= limit;
      const full = tokenKeys.find((key) => isFull(key));
      return full && usedUpReason(quota, full);
    },
    beginLine: (trace) => void lines.set(trace, 0),
    endLine(trace) {
      const used = lines.get(trace) ?? 0;
      lines.delete(trace);
      if (used > 0) mostOfLine = mostOfLine === Infinity ? used : Math.max(mostOfLine, used);
    },
    tokensInMs(quota) {
      checkWindow(quota, "tokensPerDay");
      return waitMsFor(quota, "tokensPerMinute");
    },
    room: ({ runningJobs = Infinity }) => Math.max(0, runningJobs - live),
    useTokens(tokens, trace) {
      const line = lines.get(trace);
      if (line !== undefined) lines.set(trace, line + tokens);
      windows.tokensPerMinute.add(tokens, clock.now());
      windows.tokensPerDay.add(tokens, clock.now());
    },
    get live() {
      return live + lines.size;
    },
    left(quota) {
      const now = clock.now();
      const parts = windowKeys.flatMap((key) => {
        const limit = quota[key];
        if (limit === undefined) return [];
        const left = Math.max(0, limit - windows[key].used(now));
        return [[words[key][0], { limit, left, full_in_ms: Math.ceil(windows[key].belowInMs(1, now)) }] as const];
      });
      const { runningJobs: limit } = quota;
      const running = limit === undefined ? {} : { running_jobs: { limit, left: Math.max(0, limit - live) } };
      const use: QuotaUse = { ...Object.fromEntries(parts), ...running };
      return Object.keys(use).length === 0 ? undefined : use;
    },
  };
}

function usedUpReason(quota: Quota, key: WindowKey): string {
  return `quota of ${words[key][1]} (${quota[key]}) is used up`;
}

function runningReason(limit: number): string {
  return `limit of waiting and running jobs (${limit}) is reached`;
}

function refused(part: keyof QuotaUse, reason: string, retryAfterS: number): WaggleError {
  return new WaggleError("resource_exhausted", `Cannot accept the job: this client's ${reason}.`, {
    retryAfterS,
    details: { quota: part },
  });
}
