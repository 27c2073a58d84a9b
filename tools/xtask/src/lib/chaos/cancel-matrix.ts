// Owns the cancel matrix: each phase by each route in each way, on a living worker; the route "abort" has a file of its own.
import { startBystander } from "./bystander.ts";
import { runAborts } from "./cancel-abort.ts";
import { runCell, type Cell } from "./cancel-cell.ts";
import { phases, type PhaseName } from "./cancel-phases.ts";
import { routes } from "./cancel-routes.ts";
import type { Stage } from "./stage.ts";
import { isStarted } from "./stream-events.ts";
import { freshId, inference, ways } from "./ways.ts";

/** What stands in the matrix for one phase and route: the worst of all ways and rounds. */
export type Matrix = Map<string, string>;

const stepDelayMs = 10;
const longRounds = 20;

export async function runCancelMatrix(stage: Stage): Promise<void> {
  const matrix: Matrix = new Map();
  await runLoading(stage, matrix);
  await runRunning(stage, matrix);
  await runAborts(stage, matrix);
  const names = [...routes.map(({ name }) => name), "abort"];
  stage.table({
    title: "Cancel: engine steps until the slot was free (the most over all ways)",
    header: ["phase", ...names],
    lines: Object.keys(phases).map((phase) => [phase, ...names.map((route) => matrix.get(`${phase} ${route}`) ?? "-")]),
  });
}

/** The model takes for ever to load; a job that waits for it beside the others must go on waiting. */
async function runLoading(stage: Stage, matrix: Matrix): Promise<void> {
  await using worker = await stage.startWorker(
    ["--fake-load-delay", "1h", "--load-timeout", "1h", "--reconnect-grace", "0s"],
    {
      loading: true,
    },
  );
  const waiting = await inference.open(worker, { prompt: "I wait as well.", job_id: freshId("waiting") });
  await runPhase(stage, { worker, matrix, phase: "loading" });
  await stage.check("a job that waits for the model beside them", async (facts) => {
    facts.equal(
      "what its stream has ended with",
      waiting.events.find(({ type }) => type === "end" || type === "error"),
      undefined,
    );
    waiting.leave();
  });
}

async function runRunning(stage: Stage, matrix: Matrix): Promise<void> {
  // Prefill is slow only while somebody decodes, which the bystander does.
  const flags = [
    "--slots",
    "2",
    "--fake-step-delay",
    String(stepDelayMs),
    "--prefill-budget",
    "16",
    "--reconnect-grace",
    "0s",
  ];
  await using worker = await stage.startWorker([...flags, "--context-size", "65536", "--replay-buffer", "64MiB"]);
  const bystander = await startBystander(stage, worker);
  for (const phase of ["prefill", "decode"] as const)
    await runPhase(stage, { worker, bystander: async () => bystander, matrix, phase });
  const blocker = await inference.open(worker, { prompt: "I hold the other slot.", job_id: freshId("blocker") });
  await blocker.event("the blocker's slot", isStarted);
  await runPhase(stage, { worker, bystander: async () => bystander, matrix, phase: "queued" });
  blocker.leave();
  await stage.check("every job that was accepted has ended, once", async (facts) => {
    await bystander.leave();
    await worker.log.line(
      "the blocker's end",
      (line) => line["msg"] === "stream_end" && String(line["job"]).startsWith("blocker"),
    );
    const metrics = await worker.metrics();
    facts.equal("jobs ended", metrics.sum("waggle_jobs_ended_total"), metrics.sum("waggle_jobs_accepted_total"));
    facts.number("jobs", metrics.sum("waggle_jobs_accepted_total"));
  });
}

interface PhaseRun extends Pick<Cell, "worker" | "bystander"> {
  readonly matrix: Matrix;
  readonly phase: PhaseName;
}

async function runPhase(stage: Stage, { matrix, phase: phaseName, ...run }: PhaseRun): Promise<void> {
  const phase = phases[phaseName];
  for (const route of routes) {
    let worst = 0;
    let allHeld = true;
    for (const way of ways) {
      for (let round = 0; round < (stage.long ? longRounds : 1); round += 1) {
        const held = await stage.check(`${phase.name} by ${route.name} (${way.name})`, async (facts) => {
          worst = Math.max(worst, await runCell({ ...run, phase, route, way }, facts));
        });
        allHeld &&= held;
      }
    }
    matrix.set(`${phase.name} ${route.name}`, allHeld ? String(worst) : "✗");
  }
}
