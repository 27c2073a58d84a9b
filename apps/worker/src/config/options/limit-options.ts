// Owns the settings that limit counts, sizes and durations. A request beyond a limit gets a typed error, and memory does not grow.
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
    help: "longest time without progress while a model loads",
    schema: duration("100ms", "24h"),
    default: "5m",
  },
  watchdogTimeoutMs: {
    flag: "watchdog-timeout",
    value: "duration",
    group: "Limits",
    help: "restart the engine after a step this long (at least 20 times the median step)",
    schema: duration("50ms", "1h"),
    default: "30s",
  },
  crashLoopDeaths: {
    flag: "crash-loop-deaths",
    value: "n",
    group: "Limits",
    help: "engine crashes in a row, without progress, after which the worker gives up",
    schema: integer(1, 100),
    // Each of the supervisor's 5 restart delays follows a death. After the sixth death the supervisor gives up.
    default: "6",
    advanced: true,
  },
  ...others,
  maxPicturePixels: {
    flag: "max-picture-pixels",
    value: "n",
    group: "Limits",
    help: "most pixels that the model gets of a picture; larger ones are scaled down",
    schema: integer(1_024, 268_435_456),
    default: "4194304",
    advanced: true,
  },
} as const satisfies OptionRows;
