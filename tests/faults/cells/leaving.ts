// Tests how a worker shuts down: by a drain, an abort, after the drain timeout, and while it loads. Checks the ends of jobs in every phase, and that
// no process or port is left. tests/timed/lifecycle tests Ctrl-C and a closed stdout.
import { sleep } from "@waggle/async";
import {
  createLeftoverCheck,
  exitOf,
  inLanes,
  isAlive,
  logged,
  type LiveStream,
  type Worker,
} from "@waggle/testing/harness";
import { decode, endedIn, freshTarget, loading, prefill, queued, type Phase } from "./cancel-sides.ts";
import type { Stage } from "../support/stage.ts";
import { ways } from "../support/ways.ts";

/** The worker counts signals within 300 ms as one, because one Ctrl-C may arrive several times. */
const betweenSignalsMs = 350;
const stepDelayMs = 10;
/** Answers of this many tokens take at least 6 s, so they run until all jobs are in place, and a drain lasts that long. */
const answerTokens = 600;
/** Workers tested in parallel: most of the time goes into starting them, on one core each. */
const lanes = 2;

interface Departure {
  /** Route by which jobs end, for the names of the checks. */
  readonly name: string;
  readonly flags: string;
  /** Phases of the jobs when the worker shuts down; each phase has a job for each way. */
  readonly phases: readonly Phase[];
  /** Whether decoding jobs request few tokens and may finish. */
  readonly finishes?: true;
  /** With 2, the second SIGTERM is sent during the drain. */
  readonly signals: 1 | 2;
  readonly exitCode: number;
}

/** A loading worker exits at the first signal: a drain does not wait for jobs that have not begun. */
const departures: readonly Departure[] = [
  { name: "drain", flags: "", phases: [decode, queued], finishes: true, signals: 1, exitCode: 0 },
  {
    name: "abort, second SIGTERM",
    flags: "--drain-timeout 1h",
    phases: [decode, prefill, queued],
    signals: 2,
    exitCode: 143,
  },
  {
    name: "abort, drain timeout",
    flags: "--drain-timeout 300ms",
    phases: [decode, prefill, queued],
    signals: 1,
    exitCode: 143,
  },
  {
    name: "abort, SIGTERM while the model loads",
    flags: "--fake-load-delay 1h --load-timeout 1h",
    phases: [loading],
    signals: 1,
    exitCode: 0,
  },
];

export async function runLeaving(stage: Stage): Promise<void> {
  await inLanes(lanes, departures, (departure) => checkDeparture(stage, departure));
}

interface Target {
  readonly phase: Phase;
  readonly way: string;
  readonly stream: LiveStream;
}

async function checkDeparture(stage: Stage, departure: Departure): Promise<void> {
  const { name, flags, phases, finishes = false, signals, exitCode } = departure;
  const running = phases.filter(({ inSlot }) => inSlot).length * ways.length;
  const pace = `--slots ${Math.max(1, running)} --prefill-budget 16 --fake-step-delay ${stepDelayMs}`;
  await using worker = await stage.startWorker(`${pace} ${flags}`, { loading: phases.includes(loading) });
  const brief = { prompt: "Tell me while you leave.", seed: 3, max_tokens: answerTokens };
  const text = finishes ? await stage.uncutText(brief) : undefined;
  const targets = await openTargets(worker, phases, finishes ? brief : undefined);
  const engine = worker.enginePid();
  const leftovers = createLeftoverCheck();
  await leftovers.observe([worker.pid]);

  await stage.check(`the worker shuts down (${name})`, async (facts) => {
    const exited = exitOf(worker);
    worker.signal("SIGTERM");
    if (signals === 2) {
      // Once the log shows the drain, the worker has counted the first signal. A slow worker may count it long after it was sent.
      await worker.log.line("the drain", (line) => logged("worker_state")(line) && line["to"] === "draining");
      for (const { phase, stream } of targets) if (phase === decode) await stream.nextToken();
      await sleep(betweenSignalsMs);
      worker.signal("SIGTERM");
    }
    const { code, signal, ms } = await exited;
    facts.equal("exit", { code, signal }, { code: exitCode, signal: null });
    facts.number("gone_ms", ms);
    facts.expect(!(await isAlive(engine)), "the engine outlives the worker");
    const { processes, ports } = await leftovers.check();
    const commands = processes.map(({ command }) => command);
    facts.equal("remaining processes and bound ports", [commands, ports], [[], []]);
  });
  for (const { phase, way, stream } of targets) {
    await stage.check(`ended in ${phase.name} by ${name} (${way})`, async (facts) => {
      if (finishes && phase === decode) return facts.ended("a stream that may finish", stream, "length", text);
      await facts.ended("a stream whose worker shuts down", stream, "error unavailable");
      facts.expect(endedIn(phase, stream.events), `the job was no longer in ${phase.name}`);
    });
  }
}

/** Opens a job for each pair of phase and route, one after another: the decoding jobs come first and so get the slots. */
async function openTargets(
  worker: Worker,
  phases: readonly Phase[],
  brief: { readonly prompt: string } | undefined,
): Promise<Target[]> {
  const targets: Target[] = [];
  for (const phase of phases) {
    for (const way of ways) {
      const stream = await way.open(worker, { ...(brief ?? phase.request()), ...freshTarget() });
      await stream.event(`the phase ${phase.name}`, phase.isReached);
      targets.push({ phase, way: way.name, stream });
    }
  }
  return targets;
}
