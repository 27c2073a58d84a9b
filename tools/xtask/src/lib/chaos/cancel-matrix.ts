// Owns the cancel matrix: each phase by each route in each way, on a living worker; the route "abort" has a file of its own.
import { isTerminal } from "@waggle/protocol";
import { startBystander } from "./bystander.ts";
import { runAborts } from "./cancel-abort.ts";
import { phases } from "./cancel-phases.ts";
import { runRounds } from "./cancel-rounds.ts";
import { routes } from "./cancel-routes.ts";
import { told } from "./chaos-worker.ts";
import { createMatrix, type Matrix } from "./matrix.ts";
import type { Stage } from "./stage.ts";
import { isStarted } from "./stream-events.ts";
import { freshId, inference } from "./ways.ts";

const stepDelayMs = 10;

export async function runCancelMatrix(stage: Stage): Promise<void> {
  const matrix = createMatrix("Cancel: engine steps until the slot was free (the most over all ways)");
  await runLoading(stage, matrix);
  await runRunning(stage, matrix);
  await runAborts(stage, matrix);
  stage.table(matrix.table(Object.keys(phases), [...routes.map(({ name }) => name), "abort"]));
}

/** The model takes for ever to load; a job that waits for it beside the others must go on waiting. */
async function runLoading(stage: Stage, matrix: Matrix): Promise<void> {
  await using worker = await stage.startWorker("--fake-load-delay 1h --load-timeout 1h --reconnect-grace 0s", {
    loading: true,
  });
  const waiting = await inference.open(worker, { prompt: "I wait as well.", job_id: freshId("waiting") });
  await runRounds(stage, { worker, matrix, phase: phases.loading });
  await stage.check("a job that waits for the model beside them", async (facts) => {
    facts.equal("what its stream has ended with", waiting.events.find(isTerminal), undefined);
    waiting.leave();
  });
}

async function runRunning(stage: Stage, matrix: Matrix): Promise<void> {
  // Prefill is slow only while somebody decodes, which the bystander does.
  const flags = `--slots 2 --fake-step-delay ${stepDelayMs} --prefill-budget 16 --reconnect-grace 0s`;
  await using worker = await stage.startWorker(`${flags} --context-size 65536 --replay-buffer 64MiB`);
  const bystander = await startBystander(stage, worker);
  const rounds = { worker, matrix, bystander: async () => bystander };
  await runRounds(stage, { ...rounds, phase: phases.prefill });
  await runRounds(stage, { ...rounds, phase: phases.decode });
  const blockerId = freshId("blocker");
  const blocker = await inference.open(worker, { prompt: "I hold the other slot.", job_id: blockerId });
  await blocker.event("the blocker's slot", isStarted);
  await runRounds(stage, { ...rounds, phase: phases.queued });
  blocker.leave();
  await stage.check("every job that was accepted has ended, once", async (facts) => {
    await bystander.leave();
    await worker.log.line("the blocker's end", told("stream_end", blockerId));
    const metrics = await worker.metrics();
    facts.equal("jobs ended", metrics.sum("waggle_jobs_ended_total"), metrics.sum("waggle_jobs_accepted_total"));
    facts.number("jobs", metrics.sum("waggle_jobs_accepted_total"));
  });
}
