// Owns the list of what happened to the server in the shown time, newest first.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { formatTime } from "../../parts/format.ts";
import { MoreButton } from "../../parts/more-button.tsx";
import { ShownSpan } from "../time-choice.tsx";
import type { WorkerWatch } from "../watch-worker.ts";
import { happeningsOf } from "./happenings.ts";

/** Rows without a click. */
const shownRows = 6;

export function WhatHappened({ watch }: { readonly watch: WorkerWatch }): VNode {
  const isWhole = useSignal(false);
  const { time, serverLog } = watch;
  const span = time.span.value;
  const lines = serverLog.value;
  const all = (lines === "refused" ? [] : happeningsOf(lines)).filter(
    ({ at }) => span === undefined || (at >= span.from && at < span.to),
  );
  return (
    <section class="card" aria-labelledby="happened-title">
      <h2 id="happened-title">
        What happened
        <ShownSpan time={time} />
      </h2>
      {all.length === 0 && (
        <p class="small muted">
          {lines === "refused" ? "Only an API token marked admin shows what happened." : "Nothing in this time."}
        </p>
      )}
      <ol class="happenings small">
        {(isWhole.value ? all : all.slice(0, shownRows)).map(({ seq, at, words, count, weight }) => (
          <li key={seq} data-weight={weight}>
            <time class="muted numbers" dateTime={new Date(at).toISOString()}>
              {formatTime(at)}
            </time>
            <span class="anywhere">
              {words}
              {count > 1 && <span class="muted">{` ${count} times`}</span>}
            </span>
          </li>
        ))}
      </ol>
      <MoreButton isWhole={isWhole} more={all.length - shownRows} />
    </section>
  );
}
