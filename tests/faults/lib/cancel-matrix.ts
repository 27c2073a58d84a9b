// Owns the cancel matrix: each phase by each route in each way, on a living worker. A job is brought into the phase, ended by the route, and
// everything that must hold then is checked. How a worker's leaving ends jobs is the group leaving's.
import {
  isStarted,
  logged,
  RefusedError,
  stopwatch,
  type Facts,
  type LiveStream,
  type Metrics,
  type Worker,
} from "@waggle/testing/harness";
import { WaggleError, errorKinds, isTerminal } from "@waggle/protocol";
import { startBystander, type Bystander } from "./bystander.ts";
import { decode, freshTarget, loading, prefill, queued, routes } from "./cancel-sides.ts";
import type { Phase, Route, Target } from "./cancel-sides.ts";
import type { Stage } from "./stage.ts";
import { freshId, inference, ways, type Way } from "./ways.ts";

/** All cells of one phase. */
export interface PhaseCells {
  readonly worker: Worker;
  readonly phase: Phase;
  /** A stream that decodes while the target runs, asked for before each attempt. Absent where no stream can: while the model loads. */
  readonly bystander?: () => Promise<Pick<Bystander, "checkUndisturbed">>;
  /** A fast model may leave the phase before it is ended there: then once more, this often at most. 1 by default. */
  readonly attempts?: number;
  /** What the route "deadline" tries in turn, until one strikes in the phase: a busy machine may need longer to get there. */
  readonly deadlinesMs?: readonly number[];
}

interface Cell extends PhaseCells {
  readonly route: Route;
  readonly way: Way;
}

const usualDeadlinesMs = [300, 900, 2_700];
/** Forward passes that may end between the cancel and its slot being free (invariant 4). */
const stepsAllowed = 1;
const longRounds = 20;

/** Each route, in each way, as often as the run is long. */
export async function runCells(stage: Stage, cells: PhaseCells): Promise<void> {
  for (const route of routes) {
    for (const way of ways) {
      for (const _ of stage.rounds(longRounds)) {
        const cell = { ...cells, route, way };
        await stage.check(`${cells.phase.name} by ${route.name} (${way.name})`, (facts) => runCell(cell, facts));
      }
    }
  }
}

async function runCell(cell: Cell, facts: Facts): Promise<void> {
  const { phase, route, attempts = 1, deadlinesMs = usualDeadlinesMs } = cell;
  const deadlines = route.name === "deadline" ? deadlinesMs : Array.from({ length: attempts }, () => undefined);
  for (const deadlineMs of deadlines) {
    const attempt = await endOne(cell, deadlineMs).catch((error: unknown) => {
      if (!isRefusedAsLate(error)) throw error;
    });
    // The worker has measured enough to know that this deadline cannot be met.
    if (attempt === undefined) continue;
    if (phase.endedHere(attempt.stream.events)) return judge(cell, attempt, facts);
    await route.clear?.(attempt.target);
  }
  facts.expect(false, `the job was no longer in ${phase.name} when it ended`);
}

function isRefusedAsLate(error: unknown): boolean {
  const refused = error instanceof RefusedError || error instanceof WaggleError;
  return refused && error.status === errorKinds.deadline_exceeded.status;
}

interface Attempt {
  readonly target: Target;
  readonly stream: LiveStream;
  readonly before: Metrics;
  readonly bystander: Pick<Bystander, "checkUndisturbed"> | undefined;
  /** From the deed to the terminal event. */
  readonly ms: number;
}

async function endOne(cell: Cell, deadlineMs: number | undefined): Promise<Attempt> {
  const { worker, way, phase, route } = cell;
  const deadline = deadlineMs === undefined ? {} : { deadline_ms: deadlineMs };
  const request = { ...phase.request(), ...freshTarget(), ...deadline };
  const bystander = await cell.bystander?.();
  const before = await worker.metrics();
  const target: Target = { worker, way, request, stream: await way.open(worker, request) };
  // A deadline may strike before the phase is reached; then the stream's events say so.
  await phase.reached(target.stream).catch((error: unknown) => {
    if (deadlineMs === undefined) throw error;
  });
  const elapsed = stopwatch();
  return { target, stream: await route.end(target), before, bystander, ms: elapsed() };
}

async function judge({ worker, phase, route }: Cell, attempt: Attempt, facts: Facts): Promise<void> {
  const { target, stream, before, bystander, ms } = attempt;
  // First of all: the slot must be free by the time the stream's end has come.
  const slots = await worker.client.slots();
  const after = await worker.metrics();
  const ownerless = slots.filter(({ state, job_id: job }) => state !== "idle" && job === undefined);
  facts.equal("slots that are busy without a job", ownerless, []);
  facts.expect(!slots.some(({ job_id: job }) => job === target.request.job_id), "a slot still holds the job");

  const steps = after.sum("waggle_cancel_steps_sum") - before.sum("waggle_cancel_steps_sum");
  const cancels = after.sum("waggle_cancel_steps_count") - before.sum("waggle_cancel_steps_count");
  facts.equal("cancels that the engine answered", cancels, phase.inSlot ? 1 : 0);
  facts.expect(steps <= stepsAllowed, `${steps} steps passed until the slot was free`);
  facts.number("steps", steps);
  if (route.name !== "deadline") facts.number("ended_ms", ms);

  await facts.ended("the job's stream", stream, route.due);
  await bystander?.checkUndisturbed(facts);
  await route.clear?.(target);
}

const stepDelayMs = 10;

export async function runCancelMatrix(stage: Stage): Promise<void> {
  await runLoading(stage);
  await runRunning(stage);
}

/** The model takes for ever to load; another job that waits for it must keep waiting. */
async function runLoading(stage: Stage): Promise<void> {
  const flags = "--fake-load-delay 1h --load-timeout 1h --reconnect-grace 0s --retry-grace 0s";
  await using worker = await stage.startWorker(flags, { loading: true });
  const waiting = await inference.open(worker, { prompt: "I wait as well.", job_id: freshId("waiting") });
  await runCells(stage, { worker, phase: loading });
  await stage.check("another job that waits for the model", async (facts) => {
    facts.equal("what its stream has ended with", waiting.events.find(isTerminal), undefined);
    waiting.leave();
  });
}

async function runRunning(stage: Stage): Promise<void> {
  // Prefill is slow only while somebody decodes, which the bystander does.
  const flags = `--slots 2 --fake-step-delay ${stepDelayMs} --prefill-budget 16 --reconnect-grace 0s --retry-grace 0s`;
  await using worker = await stage.startWorker(`${flags} --context-size 65536 --replay-buffer 64MiB`);
  const bystander = await startBystander(stage, worker);
  const cells = { worker, bystander: async () => bystander };
  await runCells(stage, { ...cells, phase: prefill });
  await runCells(stage, { ...cells, phase: decode });
  const blockerId = freshId("blocker");
  const blocker = await inference.open(worker, { prompt: "I hold the other slot.", job_id: blockerId });
  await blocker.event("the blocker's slot", isStarted);
  await runCells(stage, { ...cells, phase: queued });
  blocker.leave();
  await stage.check("every job that was accepted has ended, once", async (facts) => {
    await bystander.leave();
    await worker.log.line("the blocker's end", logged("stream_end", blockerId));
    const metrics = await worker.metrics();
    facts.equal("jobs ended", metrics.sum("waggle_jobs_ended_total"), metrics.sum("waggle_jobs_accepted_total"));
    facts.number("jobs", metrics.sum("waggle_jobs_accepted_total"));
  });
}
