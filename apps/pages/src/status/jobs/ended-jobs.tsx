// Owns the table of ended jobs of the shown time, with a bar of the shares of waiting, reading and writing.
import { useSignal } from "@preact/signals";
import type { EndedJob } from "@waggle/protocol";
import { endReasonWords } from "@waggle/protocol/words";
import type { VNode } from "preact";
import { formatCount, formatMilliseconds, formatTime } from "../../parts/format.ts";
import { Button } from "../../parts/icons.tsx";
import { MoreButton } from "../../parts/more-button.tsx";
import { ShownSpan } from "../time-choice.tsx";
import type { WorkerWatch } from "../watch-worker.ts";
import { JobRows, type JobColumn } from "./job-rows.tsx";

/** Rows without a click. */
const shownRows = 8;

const phases = [
  { field: "waiting_ms", label: "Waited" },
  { field: "reading_ms", label: "Read" },
  { field: "writing_ms", label: "Wrote" },
] as const;

const columns: readonly JobColumn<EndedJob>[] = [
  { title: "Ended", cell: ({ ended_at }) => formatTime(Date.parse(ended_at)) },
  {
    ...{ title: "Reason", place: "lead" },
    cell: ({ reason, state }) => <span class={state === "failed" ? "badge bad" : ""}>{endReasonWords(reason)}</span>,
  },
  { title: "Prompt", place: "wide", isNumber: true, cell: ({ prompt_tokens }) => formatCount(prompt_tokens) },
  { title: "Tokens", isNumber: true, cell: ({ tokens }) => formatCount(tokens) },
  ...phases.map(({ field, label }) => ({
    ...{ title: label, isNumber: true },
    cell: (job: EndedJob) => formatMilliseconds(job[field]),
  })),
  { title: "Shares", place: "wide", cell: (job) => <Shares job={job} /> },
];

export function EndedJobs({ watch }: { readonly watch: WorkerWatch }): VNode | null {
  const isWhole = useSignal(false);
  const onlyFailed = useSignal(false);
  const { time, jobs } = watch;
  const isLive = time.span.value === undefined;
  const all = (isLive ? jobs.value?.ended : time.past.value?.ended) ?? [];
  const failed = all.filter(({ state }) => state === "failed");
  if (isLive && all.length === 0) return null;
  const ended = onlyFailed.value && failed.length > 0 ? failed : all;
  return (
    <section class="card" aria-labelledby="ended-title">
      <div class="spread wrap">
        <h2 id="ended-title">
          Ended jobs
          <ShownSpan time={time} />
        </h2>
        {failed.length > 0 && (
          <Button
            label={`Only failed (${failed.length})`}
            aria-pressed={onlyFailed.value}
            onClick={() => (onlyFailed.value = !onlyFailed.value)}
          />
        )}
        <span class="phase-key small muted">
          {phases.map(({ field, label }) => (
            <span key={field}>
              <span class="swatch" data-phase={field} aria-hidden="true" /> {label.toLowerCase()}
            </span>
          ))}
        </span>
      </div>
      {ended.length === 0 ? (
        <p class="small muted">{time.past.value === undefined ? "Loading…" : "No job ended in this time."}</p>
      ) : (
        <JobRows
          {...{ watch, columns }}
          jobs={isWhole.value ? ended : ended.slice(0, shownRows)}
          row={({ client, job_id, ended_at }) => ({ key: `${client} ${job_id} ${ended_at}`, "data-ended": job_id })}
        />
      )}
      <MoreButton isWhole={isWhole} more={ended.length - shownRows} />
    </section>
  );
}

/** The numbers are in the row, so the bar is hidden from screen readers. */
function Shares({ job }: { readonly job: EndedJob }): VNode {
  const total = phases.reduce((sum, { field }) => sum + job[field], 0);
  return (
    <span class="phase-bar" aria-hidden="true">
      {total > 0 &&
        phases.map(({ field }) => (
          <span key={field} data-phase={field} style={{ width: `${(100 * job[field]) / total}%` }} />
        ))}
    </span>
  );
}
