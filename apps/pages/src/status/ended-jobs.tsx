// Owns the table of the last ended jobs, with a bar of the shares of waiting, reading and writing.
import { useSignal } from "@preact/signals";
import type { EndedJob } from "@waggle/protocol";
import type { VNode } from "preact";
import { OwnerCells, OwnerTitles, shownColumns, type ShownColumns } from "./job-columns.tsx";
import type { WorkerWatch } from "./watch-worker.ts";
import { formatCount, formatMilliseconds, formatTime } from "../parts/format.ts";

/** Rows without a click. */
const shownRows = 8;

const phases = [
  { field: "waiting_ms", label: "Waited" },
  { field: "reading_ms", label: "Read" },
  { field: "writing_ms", label: "Wrote" },
] as const;

export function EndedJobs({ watch }: { readonly watch: WorkerWatch }): VNode | null {
  const isWhole = useSignal(false);
  const ended = watch.jobs.value?.ended ?? [];
  if (ended.length === 0) return null;
  const shown = shownColumns(watch);
  const more = ended.length - shownRows;
  return (
    <section class="card" aria-labelledby="ended-title">
      <div class="spread wrap">
        <h2 id="ended-title">Ended jobs</h2>
        <span class="phase-key small muted">
          {phases.map(({ field, label }) => (
            <span key={field}>
              <span class="phase-swatch" data-phase={field} aria-hidden="true" /> {label.toLowerCase()}
            </span>
          ))}
        </span>
      </div>
      <table class="jobs small">
        <thead>
          <tr>
            <th scope="col">Job</th>
            <OwnerTitles {...shown} />
            <th scope="col">Ended</th>
            <th scope="col">Reason</th>
            {["Prompt tokens", "Tokens", ...phases.map(({ label }) => label)].map((title) => (
              <th scope="col" class="number" key={title}>
                {title}
              </th>
            ))}
            <th scope="col">Shares</th>
          </tr>
        </thead>
        <tbody>
          {(isWhole.value ? ended : ended.slice(0, shownRows)).map((job) => (
            <EndedRow key={`${job.client} ${job.job_id} ${job.ended_at}`} job={job} shown={shown} />
          ))}
        </tbody>
      </table>
      {more > 0 && (
        <div class="row">
          <button type="button" class="button tiny" onClick={() => (isWhole.value = !isWhole.value)}>
            {isWhole.value ? "Show fewer" : `Show ${more} more`}
          </button>
        </div>
      )}
    </section>
  );
}

interface EndedRowProps {
  readonly job: EndedJob;
  readonly shown: ShownColumns;
}

function EndedRow({ job, shown }: EndedRowProps): VNode {
  return (
    <tr data-ended={job.job_id}>
      <th scope="row" class="anywhere mono">
        {job.job_id}
      </th>
      <OwnerCells job={job} shown={shown} />
      <td data-label="Ended" class="numbers">
        {formatTime(Date.parse(job.ended_at))}
      </td>
      <td data-label="Reason">{job.reason}</td>
      <td data-label="Prompt tokens" class="number numbers">
        {formatCount(job.prompt_tokens)}
      </td>
      <td data-label="Tokens" class="number numbers">
        {formatCount(job.tokens)}
      </td>
      {phases.map(({ field, label }) => (
        <td key={field} data-label={label} class="number numbers">
          {formatMilliseconds(job[field])}
        </td>
      ))}
      <td class="phase-cell">
        <Shares job={job} />
      </td>
    </tr>
  );
}

/** The numbers are in the row, so the bar is hidden from screen readers. */
function Shares({ job }: Pick<EndedRowProps, "job">): VNode {
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
