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
    help: "longest silence while the model loads",
    schema: duration("100ms", "24h"),
    default: "5m",
  },
  watchdogTimeoutMs: {
    flag: "watchdog-timeout",
    value: "duration",
    group: "Limits",
    help: "the engine hangs when a step takes this, or 20 medians if longer; idle, when it is silent so long, 5 s at least",
    schema: duration("50ms", "1h"),
    default: "30s",
  },
  crashLoopDeaths: {
    flag: "crash-loop-deaths",
    value: "n",
    group: "Limits",
    help: "engine deaths in a row, none after a token or a minute of service, after which the worker gives up",
    schema: integer(1, 100),
    default: "5",
  },
  ...others,
} as const satisfies OptionRows;
