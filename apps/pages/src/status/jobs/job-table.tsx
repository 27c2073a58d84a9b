// Owns the table of running and waiting jobs, with a button to cancel a job after a question in its row.
import { useSignal } from "@preact/signals";
import type { ListedJob } from "@waggle/protocol";
import { jobStateWords } from "@waggle/protocol/words";
import type { VNode } from "preact";
import { Alert } from "../../parts/alert.tsx";
import { formatCount, formatDuration, formatFigure } from "../../parts/format.ts";
import { Button } from "../../parts/icons.tsx";
import { jobCounts } from "../figures.ts";
import type { WorkerWatch } from "../watch-worker.ts";
import { JobRows, type JobColumn } from "./job-rows.tsx";

const columns: readonly JobColumn<ListedJob>[] = [
  { title: "State", place: "lead", cell: jobStateWords },
  { title: "Prompt", place: "wide", isNumber: true, cell: ({ prompt_tokens }) => formatFigure(prompt_tokens) },
  { title: "Tokens", isNumber: true, cell: ({ tokens }) => formatCount(tokens) },
  { title: "Tokens/s", isNumber: true, cell: ({ tokens_per_second }) => formatFigure(tokens_per_second) },
  { title: "Age", isNumber: true, cell: ({ age_ms }) => formatDuration(age_ms) },
];

export function JobTable({ watch }: { readonly watch: WorkerWatch }): VNode | null {
  const list = watch.jobs.value;
  if (list === undefined) return null;
  const { jobs, total } = list;
  const { running, waiting } = jobCounts(list);
  const own = list.of === "own";
  const { cancel } = watch;
  return (
    <section class="card" aria-labelledby="jobs-title">
      <div class="spread">
        <h2 id="jobs-title">{own ? "Your jobs" : "Jobs"}</h2>
        <span class="small muted numbers">{`${running} running, ${waiting} waiting`}</span>
      </div>
      {jobs.length === 0 ? (
        <p class="small muted">{own ? "You have no jobs" : "No jobs are"} running or waiting.</p>
      ) : (
        <JobRows
          {...{ watch, jobs }}
          columns={[...columns, { title: "Actions", place: "actions", cell: (job) => <Cancel {...{ job, cancel }} /> }]}
          row={({ client, job_id }) => ({ key: `${client} ${job_id}`, "data-job": job_id })}
        />
      )}
      {own && <p class="small muted">Only an API token marked admin or monitor shows the jobs of other clients.</p>}
      {total > jobs.length && (
        <p class="small muted">{`${total - jobs.length} more ${total - jobs.length === 1 ? "job" : "jobs"} not shown.`}</p>
      )}
    </section>
  );
}

/** A cancel cannot be undone, so the button asks first. */
function Cancel({ job, cancel }: { readonly job: ListedJob } & Pick<WorkerWatch, "cancel">): VNode {
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
        <Button
          label={sent ? "Cancelling…" : "Cancel"}
          aria-label={`Cancel job ${job.job_id}`}
          disabled={sent}
          onClick={() => (step.value = "asking")}
        />
        <Alert text={problem.value} />
      </>
    );
  }
  return (
    <span class="row end" role="group" aria-label={`Cancel job ${job.job_id}?`}>
      <span>Cancel this job?</span>
      <Button label="Yes, cancel" kind="tiny danger" autofocus onClick={() => void send()} />
      <Button label="No" onClick={() => (step.value = "idle")} />
    </span>
  );
}
