// Owns the cancel matrix: each phase of a job, ended by each route, requested in each way. The worker stays up; `leaving.ts` tests jobs that end
// because their worker shuts down.
import {
  RefusedError,
  stopwatch,
  type Facts,
  type LiveStream,
  type Metrics,
  type Worker,
} from "@waggle/testing/harness";
import { WaggleError, isTerminal } from "@waggle/protocol";
import { describe } from "vitest";
import { openBystander, startBystander, type Bystander } from "../support/bystander.ts";
import { decode, endedIn, freshTarget, loading, prefill, queued, routes } from "./cancel-sides.ts";
import type { Phase, Route, Target } from "./cancel-sides.ts";
import { rowsOfKind } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId, inference, ways, type Way } from "../support/ways.ts";

/** What the cells of one phase have in common. */
interface PhaseCells {
  readonly worker: () => Worker;
  readonly phase: Phase;
  /** Opens a stream that decodes while the target runs; called before each attempt. Absent while the model loads, when no stream can decode. */
  readonly bystander?: () => Bystander | Promise<Bystander>;
}

interface Cell extends PhaseCells {
  readonly route: Route;
  readonly way: Way;
}

/** Maximum number of attempts to end a job in its phase: on a fast model it may leave the phase before, and a deadline has to be found. */
const attempts = 100;
const firstDeadlineMs = 10;
/** Forward passes that may end between a cancel and the release of its slot (invariant 4). */
const stepsAllowed = 1;
const longRounds = 20;

export function cancelMatrix(stage: Stage): void {
  describe("while the model loads", () => {
    // The model does not finish loading during the test.
    const flags = "--fake-load-delay 1h --load-timeout 1h --reconnect-grace 0s --retry-grace 0s";
    const worker = shared(() => stage.startWorker(flags, { loading: true }));
    const waiting = shared(() => inference.open(worker(), { prompt: "I wait as well.", job_id: freshId("waiting") }));
    phaseCells(stage, { worker, phase: loading });
    stage.cell("another job keeps waiting for the model", async (facts) =>
      facts.equal("terminal event of its stream", waiting().events.find(isTerminal), undefined),
    );
  });
  describe("while another stream decodes", () => {
    // The prefill budget slows prefill down only while another stream decodes: the bystander does.
    const flags = "--slots 2 --fake-step-delay 10 --prefill-budget 16 --reconnect-grace 0s --retry-grace 0s";
    const worker = shared(() => stage.startWorker(`${flags} --context-size 65536 --replay-buffer 64MiB`));
    const bystander = shared(() => startBystander(stage, worker()));
    phaseCells(stage, { worker, bystander, phase: prefill });
    phaseCells(stage, { worker, bystander, phase: decode });
    describe("and a second one holds the other slot", () => {
      const blocker = shared(() => openBystander(worker(), { prompt: "I hold the other slot." }));
      phaseCells(stage, { worker, bystander, phase: queued });
      stage.cell("every accepted job has ended exactly once", async (facts) => {
        for (const { leave } of [bystander(), blocker()]) await leave();
        const metrics = await worker().metrics();
        facts.equal("jobs ended", metrics.sum("waggle_jobs_ended_total"), metrics.sum("waggle_jobs_accepted_total"));
        facts.number("jobs", metrics.sum("waggle_jobs_accepted_total"));
      });
    });
  });
}

export function phaseCells({ cell }: Stage, cells: PhaseCells): void {
  for (const { route, way } of rowsOfKind(routes.flatMap((route) => ways.map((way) => ({ route, way }))))) {
    const run = (facts: Facts): Promise<void> => runCell({ ...cells, route, way }, facts);
    cell(`ended in ${cells.phase.name} by ${route.name} (${way.name})`, run, longRounds);
  }
}

async function runCell(cell: Cell, facts: Facts): Promise<void> {
  const { phase, route } = cell;
  let deadlineMs = route.name === "deadline" ? firstDeadlineMs : undefined;
  for (let i = 0; i < attempts; i++) {
    const attempt = await endOne(cell, deadlineMs).catch(estimateOf);
    if (typeof attempt === "number") {
      // A job in the queue is refused only below its least wait, which is shorter than the estimate.
      deadlineMs = Math.min(attempt, 2 * (deadlineMs ?? attempt));
      continue;
    }
    const { events } = attempt.stream;
    if (endedIn(phase, events)) return judge(cell, attempt, facts);
    if (deadlineMs !== undefined) deadlineMs = events.some(phase.isLeft) ? firstDeadlineMs : 2 * deadlineMs;
    await route.clear?.(attempt.target);
  }
  facts.expect(false, `no job ended in ${phase.name}, in ${attempts} attempts`);
}

/** Returns when a worker expects the first token that refuses a request as too late, in milliseconds. @throws every other error */
function estimateOf(error: unknown): number {
  const refused = error instanceof RefusedError || error instanceof WaggleError ? error : undefined;
  const estimateMs = refused?.details?.["estimate_ms"];
  if (typeof estimateMs !== "number") throw error;
  return estimateMs;
}

interface Attempt {
  readonly target: Target;
  readonly stream: LiveStream;
  readonly before: Metrics;
  readonly bystander: Bystander | undefined;
  /** Milliseconds from the action of the route to the terminal event. */
  readonly ms: number;
}

async function endOne(cell: Cell, deadlineMs: number | undefined): Promise<Attempt> {
  const { way, phase, route } = cell;
  const worker = cell.worker();
  const deadline = deadlineMs === undefined ? {} : { deadline_ms: deadlineMs };
  const request = { ...phase.request(), ...freshTarget(), ...deadline };
  const bystander = await cell.bystander?.();
  const before = await worker.metrics();
  const target: Target = { worker, way, request, stream: await way.open(worker, request) };
  // A deadline may pass before the phase is reached.
  await target.stream.event(`the phase ${phase.name}`, phase.isReached).catch((error: unknown) => {
    if (deadlineMs === undefined) throw error;
  });
  const elapsed = stopwatch();
  return { target, stream: await route.end(target), before, bystander, ms: elapsed() };
}

async function judge({ phase, route }: Cell, attempt: Attempt, facts: Facts): Promise<void> {
  const { target, stream, before, bystander, ms } = attempt;
  const { worker } = target;
  // This comes first: the slot must be free by the time the stream's end arrives.
  const slots = await worker.client.slots();
  const after = await worker.metrics();
  const ownerless = slots.filter(({ state, job_id: job }) => state !== "idle" && job === undefined);
  facts.equal("busy slots without a job", ownerless, []);
  facts.expect(!slots.some(({ job_id: job }) => job === target.request.job_id), "a slot still holds the job");

  const steps = after.sum("waggle_cancel_steps_sum") - before.sum("waggle_cancel_steps_sum");
  const cancels = after.sum("waggle_cancel_steps_count") - before.sum("waggle_cancel_steps_count");
  facts.equal("cancels in the engine", cancels, phase.inSlot ? 1 : 0);
  facts.expect(steps <= stepsAllowed, `${steps} steps passed until the slot was free`);
  if (route.name !== "deadline") facts.number("ended_ms", ms);

  await facts.ended("the job's stream", stream, route.due);
  await bystander?.checkUndisturbed(facts);
  await route.clear?.(target);
}
