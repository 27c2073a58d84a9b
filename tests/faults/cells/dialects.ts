// Tests the cancel matrix of every dialect: each phase, ended by each route. Every stream ends once, in the form of its dialect, and frees its slot.
import {
  logged,
  streamDialects,
  type AnswerStream,
  type Facts,
  type Metrics,
  type StreamDialect,
  type Worker,
} from "@waggle/testing/harness";
import { describe } from "vitest";
import { brief, endless, ended, open, shows } from "../support/any-dialect.ts";
import { startBystander, type Bystander } from "../support/bystander.ts";
import { dialectsTogether } from "./dialects-together.ts";
import { rowsOfKind } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId, inference } from "../support/ways.ts";

/** A prompt whose prefill takes hundreds of steps, at 16 tokens per step. */
const long = (): string => `${freshId("No")}: ${"bee ".repeat(6_000)} never ends`;

export function dialects(stage: Stage): void {
  describe("by the client", () => {
    const flags = "--slots 2 --fake-step-delay 5 --prefill-budget 16 --reconnect-grace 0s --retry-grace 0s";
    const worker = shared(() => stage.startWorker(`${flags} --context-size 65536 --replay-buffer 64MiB`));
    const bystander = shared(() => startBystander(stage, worker()));
    for (const dialect of rowsOfKind(streamDialects)) {
      stage.cell(`${dialect.name}: an undisturbed answer`, async (facts) => {
        const answer = await open(worker(), dialect, brief);
        await ended(answer, "end", facts);
        facts.expect(answer.judge.text !== "", "the answer has no text");
      });
      for (const phase of phases)
        for (const route of rowsOfKind(routes))
          stage.cell(`${dialect.name}: ended in ${phase.name} by ${route.name}`, (facts) =>
            checkCell({ worker: worker(), dialect, phase, route, bystander: bystander() }, facts),
          );
    }
    stage.cell("every job of every dialect has ended exactly once", async (facts) => {
      await bystander().leave();
      const metrics = await worker().metrics();
      facts.equal("jobs ended", metrics.sum("waggle_jobs_ended_total"), metrics.sum("waggle_jobs_accepted_total"));
      facts.number("jobs", metrics.sum("waggle_jobs_accepted_total"));
      facts.equal("errors in the log", worker().log.lines.filter(({ level }) => level === "error").length, 0);
    });
  });
  dialectsTogether(stage);
}

interface Phase {
  readonly name: "queued" | "prefill" | "decode";
  prompt(): string;
  /** States of all slots when the job is in this phase, the bystander's slot included. */
  readonly slots: string;
  readonly queued: number;
}

const phases: readonly Phase[] = [
  { name: "queued", prompt: () => endless, slots: "decoding decoding", queued: 1 },
  { name: "prefill", prompt: long, slots: "decoding prefilling", queued: 0 },
  { name: "decode", prompt: () => endless, slots: "decoding decoding", queued: 0 },
];

interface Target {
  readonly worker: Worker;
  readonly dialect: StreamDialect;
  readonly answer: AnswerStream;
  readonly sessionId: string;
}

interface Route {
  readonly name: "disconnect" | "DELETE session" | "superseded";
  /** Ends the job. Resolves with the answer of the superseding job, if the route starts one. */
  end(target: Target): Promise<AnswerStream | undefined>;
}

const routes: readonly Route[] = [
  {
    name: "disconnect",
    async end({ answer }) {
      answer.leave();
      return undefined;
    },
  },
  {
    name: "DELETE session",
    async end({ worker, sessionId }) {
      await worker.client.cancelSession(sessionId);
      return undefined;
    },
  },
  { name: "superseded", end: ({ worker, dialect, sessionId }) => open(worker, dialect, brief, sessionId) },
];

interface Cell extends Pick<Target, "worker" | "dialect"> {
  readonly phase: Phase;
  readonly route: Route;
  readonly bystander: Bystander;
}

async function checkCell({ worker, dialect, phase, route, bystander }: Cell, facts: Facts): Promise<void> {
  await using _ = phase.name === "queued" ? await block(worker) : undefined;
  const before = cancels(await worker.metrics());
  const sessionId = freshId("session");
  const answer = await open(worker, dialect, phase.prompt(), sessionId);
  await shows(worker, phase.slots, phase.queued);
  const from = worker.log.lines.length;
  const successor = await route.end({ worker, dialect, answer, sessionId });
  if (route.name === "disconnect") {
    const cancelled = await worker.log.line("the job's end", logged("stream_cancelled"), { from });
    facts.equal("reason of the cancel", cancelled["reason"], "disconnect");
  } else await ended(answer, "cut short", facts);
  await _?.[Symbol.asyncDispose]();
  if (successor !== undefined) await ended(successor, "end", facts);
  await shows(worker, "decoding idle", 0);
  const after = cancels(await worker.metrics());
  facts.equal("cancels that took more than one step", after.slow - before.slow, 0);
  await bystander.checkUndisturbed(facts);
}

/** Starts a job that holds the other slot until the result is disposed of. */
async function block(worker: Worker): Promise<AsyncDisposable> {
  const jobId = freshId("blocker");
  const blocker = await inference.open(worker, { prompt: endless, job_id: jobId });
  await shows(worker, "decoding decoding", 0);
  return {
    async [Symbol.asyncDispose]() {
      blocker.leave();
      await worker.log.line("the blocker's end", logged("stream_end", jobId));
    },
  };
}

function cancels(metrics: Metrics): { readonly slow: number } {
  const inOneStep = metrics.sum("waggle_cancel_steps_bucket", { le: "1" });
  return { slow: metrics.sum("waggle_cancel_steps_count") - inOneStep };
}
