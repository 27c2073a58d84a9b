// Owns the choice of the shown time: the last hour, the last day, or an hour of it.
import type { VNode } from "preact";
import { formatMinute } from "../parts/format.ts";
import { dayMs, hourMs, wholeHours, type ShownTime, type Span } from "./shown-time.ts";

export interface TimeChoiceProps {
  readonly time: ShownTime;
  /** Whether the server keeps a day. */
  readonly keepsDay: boolean;
}

export function TimeChoice({ time, keepsDay }: TimeChoiceProps): VNode {
  const span = time.span.value;
  const now = Date.now();
  const hours = wholeHours(now);
  const isListed = span === undefined || hours.some(({ from, to }) => from === span.from && to === span.to);
  const isDay = span !== undefined && span.to - span.from === dayMs;
  return (
    <>
      {!keepsDay && <span class="small muted">To look further back, start the server with --history-size.</span>}
      <select
        class="choice small"
        aria-label="Time shown"
        value={span === undefined ? "hour" : isDay ? "day" : nameOf(span)}
        onChange={({ currentTarget: { value } }) => time.show(spanOf(value))}
      >
        <option value="hour">Last hour</option>
        <option value="day" disabled={!keepsDay}>
          Last day
        </option>
        {[...(isListed || isDay ? [] : [span]), ...hours].map((hour) => (
          <option key={nameOf(hour)} value={nameOf(hour)} disabled={!keepsDay}>
            {spanWords(hour)}
          </option>
        ))}
      </select>
    </>
  );
}

const nameOf = ({ from, to }: Span): string => `${from}-${to}`;

function spanOf(name: string): Span | undefined {
  if (name === "hour") return undefined;
  const now = Date.now();
  const [from = now - dayMs, to = now] = name === "day" ? [] : name.split("-").map(Number);
  return { from, to };
}

/** For example "10:00 to 11:00". */
export function spanWords({ from, to }: Span): string {
  return to - from === dayMs ? "Last day" : `${formatMinute(from)} to ${formatMinute(to)}`;
}

/** The shown time at the end of a heading. */
export function ShownSpan({ time }: Pick<TimeChoiceProps, "time">): VNode | null {
  const span = time.span.value;
  return span === undefined ? null : <span class="small muted numbers">{` ${spanWords(span)}`}</span>;
}

/** Shows a dragged part of a chart, of at least two minutes. @param from, to seconds since 1970 */
export function showDragged(time: ShownTime, from: number, to: number): void {
  const least = hourMs / 30;
  time.show({ from: Math.floor(from) * 1_000, to: Math.max(Math.ceil(to) * 1_000, Math.floor(from) * 1_000 + least) });
}
