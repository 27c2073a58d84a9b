// Owns the columns of client and model, which both tables of jobs show only if they differ between jobs.
import type { VNode } from "preact";
import type { WorkerWatch } from "./watch-worker.ts";

export interface ShownColumns {
  readonly clients: boolean;
  readonly models: boolean;
}

export function shownColumns({ jobs, info, models }: WorkerWatch): ShownColumns {
  return {
    // Shown even if all jobs have one client: an operator who cancels a job has to see its client.
    clients: jobs.value?.of === "all" && info.value?.local_mode === false,
    models: (models.statuses.value?.models.length ?? 1) > 1,
  };
}

export function OwnerTitles({ clients, models }: ShownColumns): VNode {
  return (
    <>
      {clients && <th scope="col">Client</th>}
      {models && <th scope="col">Model</th>}
    </>
  );
}

interface OwnerCellsProps {
  readonly job: { readonly client: string; readonly model: string };
  readonly shown: ShownColumns;
}

export function OwnerCells({ job, shown: { clients, models } }: OwnerCellsProps): VNode {
  return (
    <>
      {clients && (
        <td data-label="Client" class="anywhere">
          {job.client}
        </td>
      )}
      {models && (
        <td data-label="Model" class="anywhere">
          {job.model}
        </td>
      )}
    </>
  );
}
