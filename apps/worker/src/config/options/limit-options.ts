// Owns the settings that limit counts, sizes and durations. A request beyond a limit gets a typed error, and memory does not grow.
import { advancedSetting, duration, frontLimitOptions, inGroup, integer, setting } from "@waggle/daemon";

const { defaultMaxTokens, defaultRepetitionLimit, queueCapacity, clientQueueShare, drainTimeoutMs, ...others } =
  frontLimitOptions;

export const limitOptions = {
  defaultMaxTokens,
  defaultRepetitionLimit,
  queueCapacity,
  clientQueueShare,
  drainTimeoutMs,
  ...inGroup("Limits", {
    loadTimeoutMs: setting("--load-timeout <duration>", duration("100ms", "24h"), {
      help: "longest time without progress while a model loads",
      default: "5m",
    }),
    watchdogTimeoutMs: setting("--watchdog-timeout <duration>", duration("50ms", "1h"), {
      help: "restart the engine after a step this long (at least 20 times the median step)",
      default: "30s",
    }),
    crashLoopDeaths: advancedSetting("--crash-loop-deaths <n>", integer(1, 100), {
      help: "engine crashes in a row, without progress, after which the worker gives up",
      // Each of the supervisor's 5 restart delays follows a death. After the sixth death the supervisor gives up.
      default: "6",
    }),
  }),
  ...others,
};
