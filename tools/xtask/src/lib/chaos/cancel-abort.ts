// Owns the matrix's route "abort": a second SIGTERM, or the drain's time running out, ends the jobs of every phase along with their worker.
import { sleep } from "@waggle/async";
import { phases, type Phase } from "./cancel-phases.ts";
import { exitOf, type ChaosWorker } from "./chaos-worker.ts";
import { freshTarget } from "./cancel-routes.ts";
import type { Facts } from "./facts.ts";
import type { LiveStream } from "./live-stream.ts";
import type { Matrix } from "./matrix.ts";
import { isAlive } from "./process-look.ts";
import type { Stage } from "./stage.ts";
import { errorOf } from "./stream-events.ts";
import { stopwatch, waitFor } from "./waits.ts";
import { ways } from "./ways.ts";

/** Signals closer together count as one (one Ctrl-C arrives several times); these two are two. */
export const betweenSignalsMs = 350;
const exitTerminated = 143;
const stepDelayMs = 10;

interface Aborted {
  readonly phase: Phase;
  readonly way: string;
  readonly stream: LiveStream;
}

export async function runAborts(stage: Stage, matrix: Matrix): Promise<void> {
  await runAbort(stage, matrix, { how: "second SIGTERM", drainTimeout: "1h", secondSignal: true });
  await runAbort(stage, matrix, { how: "drain time over", drainTimeout: "300ms", secondSignal: false });
  await runLoadingAbort(stage, matrix);
}

interface AbortCase {
  readonly how: string;
  readonly drainTimeout: string;
  readonly secondSignal: boolean;
}

async function runAbort(stage: Stage, matrix: Matrix, { how, drainTimeout, secondSignal }: AbortCase): Promise<void> {
  const flags = `--slots ${2 * ways.length} --prefill-budget 16 --fake-step-delay ${stepDelayMs}`;
  await using worker = await stage.startWorker(`${flags} --drain-timeout ${drainTimeout}`);
  const enginePid = worker.enginePid();
  const targets = await openAll(worker, [phases.decode, phases.prefill, phases.queued]);
  await stage.check(`the worker leaves (${how})`, async (facts) => {
    worker.signal("SIGTERM");
    if (secondSignal) {
      await runningGoOn(targets);
      await sleep(betweenSignalsMs);
      worker.signal("SIGTERM");
    }
    const elapsed = stopwatch();
    const { code, signal } = await exitOf(worker);
    facts.equal("exit", { code, signal }, { code: exitTerminated, signal: null });
    facts.expect(!(await isAlive(enginePid)), "the engine outlives the worker");
    facts.number("gone_ms", elapsed());
  });
  await judgeAll(stage, matrix, targets, how);
}

/** Each phase in each way, all at once. */
async function openAll(worker: ChaosWorker, all: readonly Phase[]): Promise<Aborted[]> {
  const opened: Aborted[] = [];
  for (const phase of all) {
    for (const way of ways) {
      const stream = await way.open(worker, { ...phase.request(), ...freshTarget() });
      await phase.reached(stream);
      opened.push({ phase, way: way.name, stream });
    }
  }
  return opened;
}

/** A drain ends who waits and leaves who runs alone. */
async function runningGoOn(targets: readonly Aborted[]): Promise<void> {
  for (const { phase, stream } of targets) {
    if (phase.name === "queued") await waitFor("the end of a queued job at the drain", stream.over);
    if (phase.name === "decode") await stream.nextToken();
  }
}

async function runLoadingAbort(stage: Stage, matrix: Matrix): Promise<void> {
  await using worker = await stage.startWorker("--fake-load-delay 1h --load-timeout 1h", { loading: true });
  const targets = await openAll(worker, [phases.loading]);
  await stage.check("the worker leaves while it loads", async (facts) => {
    // One signal is enough: a drain does not wait for jobs that have not begun.
    worker.signal("SIGTERM");
    facts.equal("exit code", (await exitOf(worker)).code, 0);
  });
  await judgeAll(stage, matrix, targets, "SIGTERM");
}

async function judgeAll(stage: Stage, matrix: Matrix, targets: readonly Aborted[], how: string): Promise<void> {
  for (const { phase, way, stream } of targets) {
    const held = await stage.check(`${phase.name} by abort, ${how} (${way})`, (facts) => judge(phase, stream, facts));
    // There is no metric to read any more: the engine is gone with the worker.
    matrix.note(phase.name, "abort", held ? "gone" : matrix.failedMark);
  }
}

async function judge(phase: Phase, stream: LiveStream, facts: Facts): Promise<void> {
  const over = await waitFor("the end of the job's stream", stream.over);
  facts.equal("what is wrong with the stream", stream.problems, []);
  facts.equal("the error it ended with", errorOf(over.terminal), "unavailable");
  facts.equal("how the connection ended", over.how, "broken");
  facts.expect(phase.endedHere(stream.events), `the job was no longer in ${phase.name}`);
}
