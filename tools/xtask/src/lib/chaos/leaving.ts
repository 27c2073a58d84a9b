// Owns how a worker leaves: drained, aborted, out of time, with its stdout closed; and that nothing is left of it.
import { sleep } from "@waggle/async";
import { createLeftoverCheck } from "../leftovers.ts";
import { betweenSignalsMs } from "./cancel-abort.ts";
import { exitOf, type ChaosWorker } from "./chaos-worker.ts";
import type { Facts } from "./facts.ts";
import type { LiveStream } from "./live-stream.ts";
import type { Stage } from "./stage.ts";
import { errorOf, isQueued, isToken } from "./stream-events.ts";
import { waitFor } from "./waits.ts";
import { freshId, inference } from "./ways.ts";

const slots = 2;
const stepDelayMs = 10;
/** So that a drain has something to finish, for a second and a half at least. */
const answerTokens = 150;
const exitTerminated = 143;
const exitInterrupted = 130;
/** Well within the 300 ms in which further signals are the same one, also when they are delivered late. */
const sameSignalMs = 50;
/** Workers at a time: starting one is most of the work, and one core's. */
const lanes = 2;

interface Departure {
  readonly name: string;
  readonly flags: string;
  /** Whether the running streams are ones that end by themselves. */
  readonly brief: boolean;
  readonly exitCode: number;
  /** Whether what runs may finish. */
  readonly finishes: boolean;
  leave(worker: ChaosWorker): Promise<void>;
}

const departures: readonly Departure[] = [
  {
    name: "SIGTERM under load drains",
    flags: "",
    brief: true,
    exitCode: 0,
    finishes: true,
    leave: async (worker) => worker.signal("SIGTERM"),
  },
  {
    name: "SIGINT twice within 300 ms is one, and drains",
    flags: "",
    brief: true,
    exitCode: 0,
    finishes: true,
    async leave(worker) {
      worker.signal("SIGINT");
      worker.signal("SIGINT");
      await sleep(sameSignalMs);
      worker.signal("SIGINT");
    },
  },
  {
    name: "a second SIGTERM aborts",
    flags: "",
    brief: false,
    exitCode: exitTerminated,
    finishes: false,
    leave: (worker) => signalTwice(worker, "SIGTERM"),
  },
  {
    name: "a second SIGINT aborts",
    flags: "",
    brief: false,
    exitCode: exitInterrupted,
    finishes: false,
    leave: (worker) => signalTwice(worker, "SIGINT"),
  },
  {
    name: "the drain's time runs out",
    flags: "--drain-timeout 200ms",
    brief: false,
    exitCode: exitTerminated,
    finishes: false,
    leave: async (worker) => worker.signal("SIGTERM"),
  },
];

async function signalTwice(worker: ChaosWorker, signal: NodeJS.Signals): Promise<void> {
  worker.signal(signal);
  await sleep(betweenSignalsMs);
  worker.signal(signal);
}

export async function runLeaving(stage: Stage): Promise<void> {
  const departing = departures.values();
  const lane = async (): Promise<void> => {
    // The lanes share the iterator: each takes the next one when it is free.
    for (const departure of departing) await checkDeparture(stage, departure);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await checkClosedStdout(stage);
}

async function checkDeparture(stage: Stage, departure: Departure): Promise<void> {
  const { name, flags, brief, exitCode, finishes } = departure;
  await using worker = await stage.startWorker(`--slots ${slots} --fake-step-delay ${stepDelayMs} ${flags}`);
  await stage.check(name, async (facts) => {
    const request = { prompt: "Tell me while you leave.", seed: 3, ...(brief ? { max_tokens: answerTokens } : {}) };
    const text = brief ? await stage.uncutText({ ...request, max_tokens: answerTokens }) : undefined;
    const leftovers = createLeftoverCheck();
    await leftovers.observe([worker.pid]);
    const running = await openAll(worker, request, slots);
    for (const stream of running) await stream.event("a running stream's token", isToken);
    const waiting = await openAll(worker, request, slots);
    for (const stream of waiting) await stream.event("a place in the queue", isQueued);

    const exit = exitOf(worker);
    await departure.leave(worker);
    const { code, signal, ms } = await exit;
    facts.equal("exit", { code, signal }, { code: exitCode, signal: null });
    facts.number("left_after_ms", ms);
    for (const stream of waiting) await checkUnavailable(stream, facts);
    for (const stream of running) {
      if (finishes) await checkFinished(stream, text, facts);
      else await checkUnavailable(stream, facts);
    }
    const left = await leftovers.check();
    facts.equal(
      "processes left",
      left.processes.map(({ command }) => command),
      [],
    );
    facts.equal("ports still bound", left.ports, []);
  });
}

function openAll(worker: ChaosWorker, request: { readonly prompt: string }, count: number): Promise<LiveStream[]> {
  return Promise.all(
    Array.from({ length: count }, () => inference.open(worker, { ...request, job_id: freshId("leaving") })),
  );
}

async function checkUnavailable(stream: LiveStream, facts: Facts): Promise<void> {
  const over = await waitFor("the end of a stream whose worker leaves", stream.over);
  facts.equal("what is wrong with the stream", stream.problems, []);
  facts.equal("the error it ended with", errorOf(over.terminal), "unavailable");
  facts.equal("how the connection ended", over.how, "broken");
}

async function checkFinished(stream: LiveStream, text: string | undefined, facts: Facts): Promise<void> {
  const over = await waitFor("the end of a stream that was to finish", stream.over);
  facts.equal("what is wrong with the stream", stream.problems, []);
  facts.equal("how it ended, and its text", [over.how, over.done, stream.text], ["complete", true, text]);
}

/** EPIPE: whoever read its lines has gone. That is no reason to go as well. */
async function checkClosedStdout(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker("--fake-step-delay 1", { stdoutClosed: true });
  await stage.check("a closed stdout is no crash", async (facts) => {
    const request = { prompt: "Still there?", seed: 4, max_tokens: answerTokens };
    const stream = await inference.open(worker, { ...request, job_id: freshId("epipe") });
    await checkFinished(stream, await stage.uncutText(request), facts);
    worker.signal("SIGTERM");
    facts.equal("exit code", (await exitOf(worker)).code, 0);
    facts.equal(
      "errors in the log",
      worker.log.lines.filter(({ level }) => level === "error" || level === "fatal"),
      [],
    );
  });
}
