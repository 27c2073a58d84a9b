// Parses `keep_alive`, the time that a model stays loaded after its last job: seconds, or a duration for Go's `time.ParseDuration`
// (https://pkg.go.dev/time#ParseDuration), which Ollama's clients send.
import { z } from "zod";

const maxChars = 64;
/** Longest time for which a timer can be set (24.8 days). Longer times mean for ever. */
const longestMs = 2 ** 31 - 1;
const goDuration = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

export const KeepAliveSchema = z
  .union(
    [
      z.number(),
      z
        .string()
        .max(maxChars)
        .regex(goDuration, 'must be a duration with its unit such as "5m"')
        .meta({ examples: ["5m"] }),
    ],
    'must be a number of seconds, or a duration with its unit such as "5m"',
  )
  .describe(
    "How long the model stays loaded after this job: seconds, or a duration such as 5m. 0: unload after the job. Negative values, or more than 24 days: for ever. In network mode, a token without admin leaves the model's setting as it is.",
  );
export type KeepAlive = z.infer<typeof KeepAliveSchema>;

/** Converts `keep_alive` to milliseconds. Infinity if the value is negative or above 2^31 - 1 ms. */
export function keepAliveMs(value: KeepAlive): number {
  const ms = typeof value === "number" ? value * 1_000 : durationMs(value);
  return ms < 0 || ms > longestMs ? Infinity : ms;
}

function durationMs(text: string): number {
  let ms = 0;
  for (const [, number, unit = ""] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    ms += Number(number) * (unitMs[unit] ?? 0);
  }
  return text.startsWith("-") ? -ms : ms;
}
