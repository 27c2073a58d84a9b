// Owns the cells of the cancel matrix: a job is brought into a phase, ended by a route, and everything that must hold then is checked.
import { stopwatch, type Facts, type LiveStream, type Metrics, type Worker } from "@waggle/harness";
import type { Bystander } from "./bystander.ts";
import type { Phase } from "./cancel-phases.ts";
import { freshTarget, routes, type Route, type Target } from "./cancel-routes.ts";
import type { Stage } from "./stage.ts";
import { ways, type Way } from "./ways.ts";

/** All cells of one phase. */
export interface PhaseCells {
  readonly worker: Worker;
  readonly phase: Phase;
  /** Somebody who decodes beside the target, asked for before each attempt. Absent where nobody can: while the model loads. */
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

export const matrixHeader: readonly string[] = ["phase", ...routes.map(({ name }) => name)];

/** Each route, in each way, as often as the run is long. Resolves with the matrix's line: the most steps that a slot was not free. */
export async function runCells(stage: Stage, cells: PhaseCells): Promise<readonly string[]> {
  const line: string[] = [cells.phase.name];
  for (const route of routes) {
    let worst = 0;
    let held = true;
    for (const way of ways) {
      for (const _ of stage.rounds(longRounds)) {
        const cell = { ...cells, route, way };
        const ok = await stage.check(`${cells.phase.name} by ${route.name} (${way.name})`, async (facts) => {
          worst = Math.max(worst, await runCell(cell, facts));
        });
        held &&= ok;
      }
    }
    line.push(held ? String(worst) : "✗");
  }
  return line;
}

/** Resolves with the steps until the slot was free; 0 where the target had none. */
async function runCell(cell: Cell, facts: Facts): Promise<number> {
  const { phase, route, attempts = 1, deadlinesMs = usualDeadlinesMs } = cell;
  const deadlines = route.name === "deadline" ? deadlinesMs : Array.from({ length: attempts }, () => undefined);
  for (const deadlineMs of deadlines) {
    const attempt = await endOne(cell, deadlineMs);
    if (phase.endedHere(attempt.stream.events)) return judge(cell, attempt, facts);
    await route.clear?.(attempt.target);
  }
  facts.expect(false, `the job was no longer in ${phase.name} when it ended`);
  return 0;
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

async function judge({ worker, phase, route }: Cell, attempt: Attempt, facts: Facts): Promise<number> {
  const { target, stream, before, bystander, ms } = attempt;
  // First of all: the slot must be free by the time the end has been told.
  const slots = await worker.client.slots();
  const after = await worker.metrics();
  const ownerless = slots.filter(({ state, job_id: job }) => state !== "idle" && job === undefined);
  facts.equal("slots that are busy for nobody", ownerless, []);
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
  return steps;
}
