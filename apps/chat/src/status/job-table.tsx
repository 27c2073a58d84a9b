// Owns the table of the jobs that run and wait, and ending one: asked once, in its own row.
import { useSignal } from "@preact/signals";
import type { ListedJob } from "@waggle/protocol";
import type { VNode } from "preact";
import { duration, jobStateWords } from "./words.ts";
import type { WorkerWatch } from "./watch-worker.ts";

export function JobTable({ watch }: { readonly watch: WorkerWatch }): VNode | null {
  const list = watch.jobs.value;
  if (list === undefined) return null;
  const { jobs, total } = list;
  const own = list.of === "own";
  const shown = {
    // Also while all are one client's: whoever ends a job has to see whose it is.
    clients: !own && watch.info.value?.local_mode === false,
    models: (watch.models.statuses.value?.models.length ?? 1) > 1,
  };
  const running = jobs.filter(({ position }) => position === 0).length;
  return (
    <section class="card" aria-labelledby="jobs-title">
      <div class="spread">
        <h2 id="jobs-title">{own ? "Your jobs" : "Jobs"}</h2>
        <span class="small muted numbers">{`${running} running, ${total - running} waiting`}</span>
      </div>
      {jobs.length === 0 ? (
        <p class="small muted">{own ? "None of your jobs is" : "No jobs are"} running or waiting.</p>
      ) : (
        <table class="jobs small">
          <thead>
            <tr>
              <th scope="col">Job</th>
              {shown.clients && <th scope="col">Client</th>}
              {shown.models && <th scope="col">Model</th>}
              <th scope="col">State</th>
              <th scope="col">Prompt tokens</th>
              <th scope="col">Tokens</th>
              <th scope="col">Tokens/s</th>
              <th scope="col">Age</th>
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
      {own && <p class="small muted">Others' jobs are shown to an API token that is marked admin or monitor.</p>}
      {total > jobs.length && <p class="small muted">{`${total - jobs.length} more are not shown.`}</p>}
    </section>
  );
}

interface JobRowProps {
  readonly job: ListedJob;
  readonly shown: { readonly clients: boolean; readonly models: boolean };
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
      {shown.clients && (
        <td data-label="Client" class="anywhere">
          {job.client}
        </td>
      )}
      {shown.models && (
        <td data-label="Model" class="anywhere">
          {job.model}
        </td>
      )}
      <td data-label="State">{jobStateWords(job)}</td>
      <td data-label="Prompt tokens" class="numbers">
        {job.prompt_tokens?.toLocaleString("en") ?? "–"}
      </td>
      <td data-label="Tokens" class="numbers">
        {job.tokens.toLocaleString("en")}
      </td>
      <td data-label="Tokens/s" class="numbers">
        {speed === undefined ? "–" : speed.toFixed(speed < 10 ? 1 : 0)}
      </td>
      <td data-label="Age" class="numbers">
        {duration(job.age_ms)}
      </td>
      <td class="actions">
        <Cancel job={job} cancel={cancel} />
      </td>
    </tr>
  );
}

/** There is no way back from it, so the button asks before it does anything. */
function Cancel({ job, cancel }: Pick<JobRowProps, "job" | "cancel">): VNode {
  const step = useSignal<"idle" | "asking" | "sent">("idle");
  const problem = useSignal("");
  const sent = step.value === "sent";

  async function send(): Promise<void> {
    step.value = "sent";
    problem.value = "";
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
        {problem.value !== "" && (
          <p class="notice bad" role="alert">
            {problem.value}
          </p>
        )}
      </>
    );
  }
  return (
    <span class="row end" role="group" aria-label={`Cancel job ${job.job_id}?`}>
      <span>Cancel it?</span>
      <button type="button" class="button tiny danger" autofocus onClick={() => void send()}>
        Yes, cancel
      </button>
      <button type="button" class="button tiny" onClick={() => (step.value = "idle")}>
        No
      </button>
    </span>
  );
}
