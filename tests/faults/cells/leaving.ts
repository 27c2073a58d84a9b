// Tests how a worker shuts down: by a drain, an abort, after the drain timeout, and while it loads. Checks the ends of jobs in every phase, and that
// no process or port is left. tests/programs tests Ctrl-C, tests/timed a closed stdout.
import { sleep } from "@waggle/async";
import { createLeftoverCheck, exitOf, isAlive, logged, type Worker } from "@waggle/testing/harness";
import { describe } from "vitest";
import { decode, endedIn, freshTarget, loading, prefill, queued, type Phase } from "./cancel-sides.ts";
import { rowsOfKind } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";
import { ways } from "../support/ways.ts";

/** The worker counts signals within 300 ms as one, because one Ctrl-C may arrive several times. */
const betweenSignalsMs = 350;
const stepDelayMs = 10;
/** Answers of this many tokens take at least 6 s, so they run until all jobs are in place, and a drain lasts that long. */
const answerTokens = 600;
const brief = { prompt: "Tell me while you leave.", seed: 3, max_tokens: answerTokens };

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
  {
    name: "abort, second SIGTERM",
    flags: "--drain-timeout 1h",
    phases: [decode, prefill, queued],
    signals: 2,
    exitCode: 143,
  },
  { name: "drain", flags: "", phases: [decode, queued], finishes: true, signals: 1, exitCode: 0 },
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

export function leaving(stage: Stage): void {
  for (const departure of rowsOfKind(departures))
    describe(`by ${departure.name}`, () => {
      departureCells(stage, departure);
    });
}

function departureCells(stage: Stage, departure: Departure): void {
  const { name, flags, phases, finishes = false, signals, exitCode } = departure;
  const running = phases.filter(({ inSlot }) => inSlot).length * ways.length;
  const pace = `--slots ${Math.max(1, running)} --prefill-budget 16 --fake-step-delay ${stepDelayMs}`;
  const worker = shared(() => stage.startWorker(`${pace} ${flags}`, { loading: phases.includes(loading) }));
  const text = shared(async () => (finishes ? stage.uncutText(brief) : undefined));
  // A job for each phase and way, one after another: the decoding jobs come first and so get the slots.
  const targets = phases.flatMap((phase) =>
    ways.map((way) => {
      const stream = shared(async () => {
        const request = { ...(finishes ? brief : phase.request()), ...freshTarget() };
        const opened = await way.open(worker(), request);
        await opened.event(`the phase ${phase.name}`, phase.isReached);
        return opened;
      });
      return { phase, way, stream };
    }),
  );
  const left = shared(async () => {
    const [engine, leftovers] = [worker().enginePid(), createLeftoverCheck()];
    await leftovers.observe([worker().pid]);
    const exit = await shutDown(worker(), signals, async () => {
      for (const { phase, stream } of targets) if (phase === decode) await stream().nextToken();
    });
    return { exit, engineRuns: await isAlive(engine), leftovers: await leftovers.check() };
  });

  stage.cell("the worker exits, and leaves no process or port", async (facts) => {
    const { exit, engineRuns, leftovers } = left();
    facts.equal("exit", { code: exit.code, signal: exit.signal }, { code: exitCode, signal: null });
    facts.number("gone_ms", exit.ms);
    facts.expect(!engineRuns, "the engine outlives the worker");
    const commands = leftovers.processes.map(({ command }) => command);
    facts.equal("remaining processes and bound ports", [commands, leftovers.ports], [[], []]);
  });
  for (const { phase, way, stream } of targets) {
    stage.cell(`ended in ${phase.name} by ${name} (${way.name})`, async (facts) => {
      if (finishes && phase === decode) return facts.ended("a stream that may finish", stream(), "length", text());
      await facts.ended("a stream whose worker shuts down", stream(), "error unavailable");
      facts.expect(endedIn(phase, stream().events), `the job was no longer in ${phase.name}`);
    });
  }
}

/** Sends the signals, and resolves when the worker has exited. @param draining called during the drain, before the second signal */
export async function shutDown(
  worker: Worker,
  signals: 1 | 2,
  draining?: () => Promise<void>,
): ReturnType<typeof exitOf> {
  const exited = exitOf(worker);
  worker.signal("SIGTERM");
  if (signals === 2) {
    // Once the log shows the drain, the worker has counted the first signal. A slow worker may count it long after it was sent.
    await worker.log.line("the drain", (line) => logged("worker_state")(line) && line["to"] === "draining");
    await draining?.();
    await sleep(betweenSignalsMs);
    worker.signal("SIGTERM");
  }
  return exited;
}
