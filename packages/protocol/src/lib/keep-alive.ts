// Owns how long a model stays after its last job, as requests have it: seconds, or a duration as Go's `time.ParseDuration` takes it
// (https://pkg.go.dev/time#ParseDuration), which Ollama's clients send.
import { z } from "zod";

const maxChars = 64;
/** What is longer is for ever: no timer is as long (24.8 days). */
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
        .regex(goDuration)
        .meta({ examples: ["5m"] }),
    ],
    'must be a number of seconds, or a duration with its unit such as "5m"',
  )
  .describe(
    "How long the model stays loaded after this job: seconds, or 5m; 0 unloads it then, below 0, or more than 24 days, keeps it for ever. In network mode a shorter time than the model's own setting needs a token marked admin; without one the setting holds.",
  );
export type KeepAlive = z.infer<typeof KeepAliveSchema>;

/** In milliseconds, at most 2^31 - 1; Infinity for what is below 0 or longer. */
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
