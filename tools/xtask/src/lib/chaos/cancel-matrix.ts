// Owns the cancel matrix: each phase by each route in each way, on a living worker. How a worker's leaving ends jobs is the group leaving's.
import { isStarted, logged } from "@waggle/harness";
import { isTerminal } from "@waggle/protocol";
import { startBystander } from "./bystander.ts";
import { matrixHeader, runCells } from "./cancel-cell.ts";
import { decode, loading, prefill, queued } from "./cancel-phases.ts";
import type { Stage } from "./stage.ts";
import { freshId, inference } from "./ways.ts";

const stepDelayMs = 10;

export async function runCancelMatrix(stage: Stage): Promise<void> {
  const rows = [await runLoading(stage), ...(await runRunning(stage))];
  const title = "Cancel: engine steps until the slot was free (the most over all ways)";
  stage.table({ title, header: matrixHeader, rows });
}

/** The model takes for ever to load; a job that waits for it beside the others must go on waiting. */
async function runLoading(stage: Stage): Promise<readonly string[]> {
  const flags = "--fake-load-delay 1h --load-timeout 1h --reconnect-grace 0s";
  await using worker = await stage.startWorker(flags, { loading: true });
  const waiting = await inference.open(worker, { prompt: "I wait as well.", job_id: freshId("waiting") });
  const row = await runCells(stage, { worker, phase: loading });
  await stage.check("a job that waits for the model beside them", async (facts) => {
    facts.equal("what its stream has ended with", waiting.events.find(isTerminal), undefined);
    waiting.leave();
  });
  return row;
}

async function runRunning(stage: Stage): Promise<(readonly string[])[]> {
  // Prefill is slow only while somebody decodes, which the bystander does.
  const flags = `--slots 2 --fake-step-delay ${stepDelayMs} --prefill-budget 16 --reconnect-grace 0s`;
  await using worker = await stage.startWorker(`${flags} --context-size 65536 --replay-buffer 64MiB`);
  const bystander = await startBystander(stage, worker);
  const cells = { worker, bystander: async () => bystander };
  const rows = [
    await runCells(stage, { ...cells, phase: prefill }),
    await runCells(stage, { ...cells, phase: decode }),
  ];
  const blockerId = freshId("blocker");
  const blocker = await inference.open(worker, { prompt: "I hold the other slot.", job_id: blockerId });
  await blocker.event("the blocker's slot", isStarted);
  rows.push(await runCells(stage, { ...cells, phase: queued }));
  blocker.leave();
  await stage.check("every job that was accepted has ended, once", async (facts) => {
    await bystander.leave();
    await worker.log.line("the blocker's end", logged("stream_end", blockerId));
    const metrics = await worker.metrics();
    facts.equal("jobs ended", metrics.sum("waggle_jobs_ended_total"), metrics.sum("waggle_jobs_accepted_total"));
    facts.number("jobs", metrics.sum("waggle_jobs_accepted_total"));
  });
  return rows;
}
