// Owns how times, shares and states are put into words on the status page. Pure.
import type { ListedJob } from "@waggle/protocol";
import type { Quantile } from "./prometheus.ts";

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** "14:03:12", with the day where that is another one. @param at milliseconds since 1970 */
export function clockWords(at: number, now: number = Date.now()): string {
  const [then, today] = [new Date(at), new Date(now)];
  const time = clock.format(then);
  return then.toDateString() === today.toDateString() ? time : `${day.format(then)}, ${time}`;
}

/** "8 s", "5 min", "3 h", "4 days": rounded down. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

export function shareWords(share: number): string {
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`;
}

const states: Readonly<Record<ListedJob["state"], string>> = {
  queued: "waiting",
  prefill: "reading the prompt",
  decode: "answering",
};

export function jobStateWords({ state, position }: Pick<ListedJob, "state" | "position">): string {
  return state === "queued" && position > 0
    ? `waiting, ${position === 1 ? "next" : `number ${position}`}`
    : states[state];
}

export function figureWords(value: number | undefined): string {
  if (value === undefined) return "–";
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

/** Within its bucket nobody knows where it lies. */
export function latencyWords(latency: Quantile | undefined): string {
  if (latency === undefined) return figureWords(undefined);
  const { guess, atMost } = latency;
  return Number.isFinite(atMost) ? `≤ ${figureWords(atMost)}` : `> ${figureWords(guess)}`;
}
