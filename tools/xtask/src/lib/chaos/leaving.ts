// Owns how a worker leaves: drained, aborted, out of time, while it loads, with its stdout closed; that the jobs of every phase end as they
// must, and that nothing is left.
import { sleep } from "@waggle/async";
import {
  createLeftoverCheck,
  exitOf,
  inLanes,
  isAlive,
  type Facts,
  type LiveStream,
  type Worker,
} from "@waggle/harness";
import { decode, loading, prefill, queued, type Phase } from "./cancel-phases.ts";
import { freshTarget } from "./cancel-routes.ts";
import type { Stage } from "./stage.ts";
import { freshId, inference, ways } from "./ways.ts";

/** Signals closer together count as one (one Ctrl-C arrives several times); these two are two. */
const betweenSignalsMs = 350;
/** Well within the 300 ms in which further signals are the same one, also when they are delivered late. */
const sameSignalMs = 50;
const stepDelayMs = 10;
/** So that a drain has something to finish, for a second and a half at least. */
const answerTokens = 150;
/** Workers at a time: starting one is most of the work, and one core's. */
const lanes = 2;

interface Departure {
  /** What stands behind "by": a route by which jobs end. */
  readonly name: string;
  readonly flags?: string;
  /** In which there are jobs when it leaves, one for each way. */
  readonly phases: readonly Phase[];
  /** Those that decode ask for so little that they may finish. */
  readonly finishes?: true;
  readonly exitCode: number;
  leave(worker: Worker, decoding: readonly LiveStream[]): Promise<void>;
}

const once = async (worker: Worker): Promise<void> => worker.signal("SIGTERM");

/** The second comes when it drains: what runs alone goes on. */
const twice =
  (signal: NodeJS.Signals): Departure["leave"] =>
  async (worker, decoding) => {
    worker.signal(signal);
    for (const stream of decoding) await stream.nextToken();
    await sleep(betweenSignalsMs);
    worker.signal(signal);
  };

async function interruptOften(worker: Worker): Promise<void> {
  worker.signal("SIGINT");
  worker.signal("SIGINT");
  await sleep(sameSignalMs);
  worker.signal("SIGINT");
}

const drained = { phases: [decode, queued], finishes: true, exitCode: 0 } as const;
const busy = [decode, prefill, queued];
const patient = "--drain-timeout 1h";

const departures: readonly Departure[] = [
  { ...drained, name: "drain", leave: once },
  { ...drained, name: "drain, SIGINT thrice within 300 ms", leave: interruptOften },
  { name: "abort, second SIGTERM", flags: patient, phases: busy, exitCode: 143, leave: twice("SIGTERM") },
  { name: "abort, second SIGINT", flags: patient, phases: busy, exitCode: 130, leave: twice("SIGINT") },
  { name: "abort, drain time over", flags: "--drain-timeout 300ms", phases: busy, exitCode: 143, leave: once },
  // One signal is enough: a drain does not wait for jobs that have not begun.
  {
    name: "abort, SIGTERM while it loads",
    flags: "--fake-load-delay 1h --load-timeout 1h",
    phases: [loading],
    exitCode: 0,
    leave: once,
  },
];

export async function runLeaving(stage: Stage): Promise<void> {
  await inLanes(lanes, departures, (departure) => checkDeparture(stage, departure));
  await checkClosedStdout(stage);
}

interface Target {
  readonly phase: Phase;
  readonly way: string;
  readonly stream: LiveStream;
}

async function checkDeparture(stage: Stage, departure: Departure): Promise<void> {
  const { name, flags = "", phases, finishes = false, exitCode } = departure;
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
    const decoding = targets.filter(({ phase }) => phase === decode).map(({ stream }) => stream);
    await departure.leave(worker, decoding);
    const { code, signal, ms } = await exited;
    facts.equal("exit", { code, signal }, { code: exitCode, signal: null });
    facts.number("gone_ms", ms);
    facts.expect(!(await isAlive(engine)), "the engine outlives the worker");
    await checkNothingLeft(leftovers, facts);
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

async function checkNothingLeft(leftovers: ReturnType<typeof createLeftoverCheck>, facts: Facts): Promise<void> {
  const { processes, ports } = await leftovers.check();
  const commands = processes.map(({ command }) => command);
  facts.equal("processes left, and ports still bound", [commands, ports], [[], []]);
}

/** EPIPE: whoever read its lines has gone. That is no reason to go as well. */
async function checkClosedStdout(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker("--fake-step-delay 1", { stdoutClosed: true });
  await stage.check("a closed stdout is no crash", async (facts) => {
    const request = { prompt: "Still there?", seed: 4, max_tokens: answerTokens };
    const stream = await inference.open(worker, { ...request, job_id: freshId("epipe") });
    await facts.ended("its stream", stream, "length", await stage.uncutText(request));
    worker.signal("SIGTERM");
    facts.equal("exit code", (await exitOf(worker)).code, 0);
    const errors = worker.log.lines.filter(({ level }) => level === "error" || level === "fatal");
    facts.equal("errors in the log", errors, []);
  });
}
