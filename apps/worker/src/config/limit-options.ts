// Owns the named limits: how many, how much, how long. At a limit comes a typed error, never growth.
import { duration, frontLimitOptions, integer } from "@waggle/daemon";
import type { OptionRows } from "@waggle/daemon";

const { defaultMaxTokens, defaultRepetitionLimit, queueCapacity, clientQueueShare, drainTimeoutMs, ...others } =
  frontLimitOptions;

export const limitOptions = {
  defaultMaxTokens,
  defaultRepetitionLimit,
  queueCapacity,
  clientQueueShare,
  drainTimeoutMs,
  loadTimeoutMs: {
    flag: "load-timeout",
    value: "duration",
    group: "Limits",
    help: "longest time without progress while the model loads",
    schema: duration("100ms", "24h"),
    default: "5m",
  },
  watchdogTimeoutMs: {
    flag: "watchdog-timeout",
    value: "duration",
    group: "Limits",
    help: "an engine counts as hung when a step takes this long, or 20 times the median if that is longer; an idle one when it is silent this long, at least 5 s",
    schema: duration("50ms", "1h"),
    default: "30s",
  },
  crashLoopDeaths: {
    flag: "crash-loop-deaths",
    value: "n",
    group: "Limits",
    help: "engine crashes in a row, without a token or a minute of service in between, after which the worker gives up",
    schema: integer(1, 100),
    // One for each wait before a restart, and the last.
    default: "6",
  },
  ...others,
} as const satisfies OptionRows;
