// Owns the form of both tables of jobs: short ids, the columns that tell jobs apart, and two lines for each job on a phone.
import { useSignal } from "@preact/signals";
import { shortIdsOf } from "@waggle/protocol/short-ids";
import type { ComponentChildren, VNode } from "preact";
import { copy } from "../../parts/copy-button.tsx";
import type { WorkerWatch } from "../watch-worker.ts";

interface AnyJob {
  readonly job_id: string;
  readonly stream_id?: string | undefined;
  readonly session_id?: string | undefined;
  readonly client: string;
  readonly model: string;
  readonly worker?: string | undefined;
}

export interface JobColumn<J> {
  readonly title: string;
  /** lead: in the first line on a phone. wide: only on a wide page. */
  readonly place?: "lead" | "wide" | "actions";
  readonly isNumber?: boolean;
  readonly cell: (job: J) => ComponentChildren;
}

interface JobRowsProps<J> {
  readonly watch: WorkerWatch;
  readonly jobs: readonly J[];
  readonly columns: readonly JobColumn<J>[];
  /** Attributes of a job's row, with its key. */
  readonly row: (job: J) => object;
}

export function JobRows<J extends AnyJob>({ watch, jobs, columns, row }: JobRowsProps<J>): VNode {
  const short = shortIdsOf(jobs.map(idOf));
  const all: readonly JobColumn<J>[] = [...ownerColumns(watch, jobs), ...columns];
  const classOf = ({ isNumber = false, place }: JobColumn<J>): string => `${place ?? ""}${isNumber ? " number" : ""}`;
  return (
    <table class="jobs small">
      <thead>
        <tr>
          <th scope="col">Job</th>
          {all.map((column) => (
            <th scope="col" class={classOf(column)} key={column.title}>
              {column.place === "actions" ? <span class="visually-hidden">{column.title}</span> : column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <tr {...row(job)}>
            <th scope="row">
              <JobId id={idOf(job)} short={short.get(idOf(job)) ?? idOf(job)} />
              {job.session_id !== undefined && (
                <span class="session muted anywhere">{`session ${job.session_id}`}</span>
              )}
            </th>
            {all.map((column) => (
              <td class={`${classOf(column)} numbers`} data-label={column.title} key={column.title}>
                {column.cell(job)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A fleet's worker knows a job under an id of its attempt; people know the client's id. */
function idOf({ job_id, stream_id = job_id }: AnyJob): string {
  return stream_id;
}

/** Shown only if they can differ. The client also if all jobs have one: an operator who cancels a job has to see its client. */
function ownerColumns({ jobs, info, models }: WorkerWatch, shown: readonly AnyJob[]): readonly JobColumn<AnyJob>[] {
  return [
    ...(jobs.value?.of === "all" && info.value?.local_mode === false
      ? [{ title: "Client", cell: ({ client }: AnyJob) => client }]
      : []),
    ...((models.statuses.value?.models.length ?? 1) > 1
      ? [{ title: "Model", cell: ({ model }: AnyJob) => model }]
      : []),
    ...(shown.some(({ worker }) => worker !== undefined)
      ? [{ title: "Worker", cell: ({ worker }: AnyJob) => worker ?? "–" }]
      : []),
  ];
}

function JobId({ id, short }: { readonly id: string; readonly short: string }): VNode {
  const copied = useSignal(false);
  return (
    <button
      type="button"
      class="job-id mono"
      title={copied.value ? "Copied" : `${id}: click to copy`}
      onClick={() => void copy(id).then((done) => (copied.value = done))}
      onBlur={() => (copied.value = false)}
    >
      <span class="visually-hidden">Copy job id </span>
      {copied.value ? "Copied" : short}
    </button>
  );
}
