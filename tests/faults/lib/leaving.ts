// Owns how a worker leaves: drained, aborted, out of time, while it loads; that the jobs of every phase end as they must, and that nothing is
// left. Exit codes, Ctrl-C and a closed stdout are in tests/lifecycle.
import { sleep } from "@waggle/async";
import { createLeftoverCheck, exitOf, inLanes, isAlive, type LiveStream, type Worker } from "@waggle/testing/harness";
import { decode, freshTarget, loading, prefill, queued, type Phase } from "./cancel-sides.ts";
import type { Stage } from "./stage.ts";
import { ways } from "./ways.ts";

/** Signals closer together count as one (one Ctrl-C arrives several times); these two are two. */
const betweenSignalsMs = 350;
const stepDelayMs = 10;
/** So that a drain has something to finish, for a second and a half at least. */
const answerTokens = 150;
/** Workers at a time: starting one is most of the work, and one core's. */
const lanes = 2;

interface Departure {
  /** The word after "by": a route by which jobs end. */
  readonly name: string;
  readonly flags: string;
  /** In which there are jobs when it leaves, one for each way. */
  readonly phases: readonly Phase[];
  /** Those that decode ask for so little that they may finish. */
  readonly finishes?: true;
  /** A second one comes when it drains. */
  readonly signals: 1 | 2;
  readonly exitCode: number;
}

/** A loading one needs one signal: a drain does not wait for jobs that have not begun. */
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
    name: "abort, drain time over",
    flags: "--drain-timeout 300ms",
    phases: [decode, prefill, queued],
    signals: 1,
    exitCode: 143,
  },
  {
    name: "abort, SIGTERM while it loads",
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

  await stage.check(`the worker leaves (${name})`, async (facts) => {
    const exited = exitOf(worker);
    worker.signal("SIGTERM");
    if (signals === 2) {
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
    facts.equal("processes left, and ports still bound", [commands, ports], [[], []]);
  });
  for (const { phase, way, stream } of targets) {
    await stage.check(`${phase.name} by ${name} (${way})`, async (facts) => {
      if (finishes && phase === decode) return facts.ended("a stream that may finish", stream, "length", text);
      await facts.ended("a stream whose worker leaves", stream, "error unavailable");
      facts.expect(phase.endedHere(stream.events), `the job was no longer in ${phase.name}`);
    });
  }
}

/** Each phase in each way, one after the other: those that decode have their slots first. */
async function openTargets(
  worker: Worker,
  phases: readonly Phase[],
  brief: { readonly prompt: string } | undefined,
): Promise<Target[]> {
  const targets: Target[] = [];
  for (const phase of phases) {
    for (const way of ways) {
      const stream = await way.open(worker, { ...(brief ?? phase.request()), ...freshTarget() });
      await phase.reached(stream);
      targets.push({ phase, way: way.name, stream });
    }
  }
  return targets;
}
