// Owns one cell of the cancel matrix: a job is brought into a phase, ended by a route, and everything that must hold then is checked.
import type { Bystander } from "./bystander.ts";
import type { Phase } from "./cancel-phases.ts";
import { freshTarget, isDue, type Route, type Target } from "./cancel-routes.ts";
import type { ChaosWorker } from "./chaos-worker.ts";
import type { Facts } from "./facts.ts";
import type { LiveStream } from "./live-stream.ts";
import type { Metrics } from "./metrics.ts";
import { stopwatch, waitFor } from "./waits.ts";
import type { Way } from "./ways.ts";

export interface Cell {
  readonly worker: ChaosWorker;
  readonly phase: Phase;
  readonly route: Route;
  readonly way: Way;
  /** Somebody who decodes beside the target, asked for before each attempt. Absent where nobody can: while the model loads. */
  readonly bystander?: () => Promise<Pick<Bystander, "checkUndisturbed">>;
  /** A fast model may leave the phase before it is ended there: then once more, this often at most. 1 by default. */
  readonly attempts?: number;
  /** What the route "deadline" tries in turn. */
  readonly deadlinesMs?: readonly number[];
}

/** Tried in turn until one strikes in the phase that is meant: a busy machine may need longer to get there. */
const usualDeadlinesMs = [300, 900, 2_700];
/** Forward passes that may end between the cancel and its slot being free (invariant 4). */
const stepsAllowed = 1;

/** Resolves with the steps until the slot was free; 0 where the target had none. */
export async function runCell(cell: Cell, facts: Facts): Promise<number> {
  const { phase, route, attempts = 1, deadlinesMs = usualDeadlinesMs } = cell;
  const deadlines = route.name === "deadline" ? deadlinesMs : Array.from({ length: attempts }, () => undefined);
  for (const deadlineMs of deadlines) {
    const attempt = await endOne(cell, deadlineMs);
    if (attempt.inPhase) return judge(cell, attempt, facts);
    await route.clear?.(attempt.target);
  }
  facts.expect(false, `the job was no longer in ${phase.name} when it ended`);
  return 0;
}

interface Attempt {
  readonly target: Target;
  readonly stream: LiveStream;
  readonly inPhase: boolean;
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
  const stream = await route.end(target);
  return { target, stream, inPhase: phase.endedHere(stream.events), before, bystander, ms: elapsed() };
}

async function judge(cell: Cell, attempt: Attempt, facts: Facts): Promise<number> {
  const { worker, phase, route } = cell;
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

  await judgeEnd(stream, route, facts);
  await bystander?.checkUndisturbed(facts);
  await route.clear?.(target);
  return steps;
}

async function judgeEnd(stream: LiveStream, route: Route, facts: Facts): Promise<void> {
  const over = await waitFor("the end of the job's stream", stream.over);
  facts.equal("what is wrong with the stream", stream.problems, []);
  facts.expect(
    isDue(over.terminal, route.due),
    `it ended with ${JSON.stringify(over.terminal)} where ${JSON.stringify(route.due)} was due`,
  );
  // After an error the connection is destroyed, so that no client takes the stream for a finished one.
  facts.equal("how the connection ended", over.how, "code" in route.due ? "broken" : "complete");
  facts.equal("whether [DONE] came", over.done, !("code" in route.due));
}
