// Owns the table of running and waiting jobs, with a button to cancel a job after a question in its row.
import { useSignal } from "@preact/signals";
import type { ListedJob } from "@waggle/protocol";
import type { VNode } from "preact";
import { Alert } from "../parts/alert.tsx";
import { jobStateWords } from "./words.ts";
import { OwnerCells, OwnerTitles, shownColumns, type ShownColumns } from "./job-columns.tsx";
import type { WorkerWatch } from "./watch-worker.ts";
import { formatCount, formatDuration, formatFigure } from "../parts/format.ts";

export function JobTable({ watch }: { readonly watch: WorkerWatch }): VNode | null {
  const list = watch.jobs.value;
  if (list === undefined) return null;
  const { jobs, total } = list;
  const own = list.of === "own";
  const shown = shownColumns(watch);
  // A job in a fleet's queue waits without a position.
  const running = jobs.filter(({ state }) => state !== "queued").length;
  return (
    <section class="card" aria-labelledby="jobs-title">
      <div class="spread">
        <h2 id="jobs-title">{own ? "Your jobs" : "Jobs"}</h2>
        <span class="small muted numbers">{`${running} running, ${total - running} waiting`}</span>
      </div>
      {jobs.length === 0 ? (
        <p class="small muted">{own ? "You have no jobs" : "No jobs are"} running or waiting.</p>
      ) : (
        <table class="jobs small">
          <thead>
            <tr>
              <th scope="col">Job</th>
              <OwnerTitles {...shown} />
              <th scope="col">State</th>
              {["Prompt tokens", "Tokens", "Tokens/s", "Age"].map((title) => (
                <th scope="col" class="number" key={title}>
                  {title}
                </th>
              ))}
              <th scope="col">
                <span class="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <JobRow key={`${job.client} ${job.job_id}`} job={job} shown={shown} cancel={watch.cancel} />
            ))}
          </tbody>
        </table>
      )}
      {own && <p class="small muted">Only an API token marked admin or monitor shows the jobs of other clients.</p>}
      {total > jobs.length && (
        <p class="small muted">{`${total - jobs.length} more ${total - jobs.length === 1 ? "job" : "jobs"} not shown.`}</p>
      )}
    </section>
  );
}

interface JobRowProps {
  readonly job: ListedJob;
  readonly shown: ShownColumns;
  readonly cancel: WorkerWatch["cancel"];
}

function JobRow({ job, shown, cancel }: JobRowProps): VNode {
  const speed = job.tokens_per_second;
  return (
    <tr data-job={job.job_id}>
      <th scope="row" class="anywhere mono">
        {job.job_id}
        {job.session_id !== undefined && <span class="session muted">{`session ${job.session_id}`}</span>}
      </th>
      <OwnerCells job={job} shown={shown} />
      <td data-label="State">{jobStateWords(job)}</td>
      <td data-label="Prompt tokens" class="number numbers">
        {formatFigure(job.prompt_tokens)}
      </td>
      <td data-label="Tokens" class="number numbers">
        {formatCount(job.tokens)}
      </td>
      <td data-label="Tokens/s" class="number numbers">
        {formatFigure(speed)}
      </td>
      <td data-label="Age" class="number numbers">
        {formatDuration(job.age_ms)}
      </td>
      <td class="actions">
        <Cancel job={job} cancel={cancel} />
      </td>
    </tr>
  );
}

/** A cancel cannot be undone, so the button asks first. */
function Cancel({ job, cancel }: Pick<JobRowProps, "job" | "cancel">): VNode {
  const step = useSignal<"idle" | "asking" | "sent">("idle");
  const problem = useSignal<string | undefined>(undefined);
  const sent = step.value === "sent";

  async function send(): Promise<void> {
    step.value = "sent";
    problem.value = undefined;
    try {
      await cancel(job);
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
      step.value = "idle";
    }
  }

  if (step.value !== "asking") {
    return (
      <>
        <button
          type="button"
          class="button tiny"
          aria-label={`Cancel job ${job.job_id}`}
          disabled={sent}
          onClick={() => (step.value = "asking")}
        >
          {sent ? "Cancelling…" : "Cancel"}
        </button>
        <Alert text={problem.value} />
      </>
    );
  }
  return (
    <span class="row end" role="group" aria-label={`Cancel job ${job.job_id}?`}>
      <span>Cancel this job?</span>
      <button type="button" class="button tiny danger" autofocus onClick={() => void send()}>
        Yes, cancel
      </button>
      <button type="button" class="button tiny" onClick={() => (step.value = "idle")}>
        No
      </button>
    </span>
  );
}
