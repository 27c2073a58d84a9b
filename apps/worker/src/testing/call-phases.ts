// Owns a job with a picture and a tool call in each phase of its life, for tests of what may happen there. The worker has one slot.
import { deferred, onAbort } from "@waggle/async";
import { createTokenTable, noQuota } from "@waggle/daemon/tokens";
import type { Quota, TokenTable } from "@waggle/daemon/tokens";
import type { CallOutcome } from "@waggle/mcp";
import type { Job } from "@waggle/jobs";
import { createFakeClock } from "@waggle/testing";
import type { FakeClock } from "@waggle/testing";
import { expect } from "vitest";
import { createInlineTools } from "./inline-tools.ts";
import type { InlineTools } from "./inline-tools.ts";
import { call, say } from "./inline-turns.ts";
import type { InlineWorker, InlineWorkerOptions } from "./inline-worker.ts";
import { dataUrl, red, text } from "./made-up-pictures.ts";
import { useInlineWorker } from "./use-worker.ts";

export const callPhases = [
  "queued",
  "running",
  "waiting for consent",
  "in a call",
  "waiting for its minute",
  "queued again",
  "running again",
] as const;
export type CallPhase = (typeof callPhases)[number];

export const answer = "It is over, and there is nothing else to say.";
/** Longer than any other time limit in these tests, and than a minute. */
export const callsTimeoutMs = 600_000;

/** How the client asks. */
export interface Asking {
  /** `POST /v1/jobs` by default, without a reader. */
  readonly path?: "/v1/jobs" | "/v1/inference";
  /** Fields that replace those of the request. */
  readonly body?: object;
  /** Called when the worker has started, before the job is sent. */
  readonly before?: () => void;
  /** The calls of the answer; one by default. */
  readonly calls?: string;
  /** The text of each call's result; by default it has the model say `answer`. */
  readonly result?: string;
  /** The quota of the client alice. */
  readonly quota?: Partial<Quota>;
  readonly options?: InlineWorkerOptions;
}

export type Client = "alice" | "bob" | "root";

export interface CallPhases {
  readonly worker: InlineWorker;
  readonly tools: InlineTools;
  readonly clock: FakeClock;
  /** Resolves when the job `j` of the client alice, in the session `talk`, is in this phase. */
  reach(phase: CallPhase, asking?: Asking): Promise<{ readonly job: Job; readonly response: Response }>;
  request(who: Client, method: string, path: string, body?: RequestInit["body"]): Promise<Response>;
  /** Another client's job takes the slot, and keeps it until `release`. */
  occupy(): Promise<void>;
  /** Lets steps continue, and ends the other job. */
  vacate(): Promise<void>;
  /** Resolves when alice's job is in this phase. */
  comesTo(phase: CallPhase): Promise<void>;
  returnCalls(): void;
  /** Lets steps and calls continue. */
  release(): void;
  /** Gives all that the job waits for. */
  finish(job: Job): Promise<void>;
  /** What the worker still holds; all zero after the end of all jobs. */
  held(): Promise<object>;
  /** The outcome of the job's call in the journal. */
  recorded(job: Job): Promise<CallOutcome | undefined>;
}

/** Call at the top of a test file. */
export function useCallPhases(): CallPhases {
  const { worker, start: startWorker, call: send } = useInlineWorker({ fake: { readsPictures: true } });
  let tools: InlineTools;
  let clock: FakeClock;
  let gate: ReturnType<typeof createSwitch>;
  let go: ReturnType<typeof deferred<void>>;
  let quota: Quota;
  let others = 0;

  async function request(who: Client, method: string, path: string, body?: RequestInit["body"]): Promise<Response> {
    return await send(method, path, body, { authorization: `Bearer ${who}` });
  }

  async function start({ result = say(answer), options }: Asking): Promise<void> {
    clock = createFakeClock();
    gate = createSwitch();
    go = deferred();
    tools = await createInlineTools(async (_, __, signal) => {
      const aborted = deferred<CallOutcome>();
      onAbort(signal, () => aborted.resolve({ kind: "unknown", text: "Aborted." }));
      const done = go.promise.then((): CallOutcome => ({ kind: "done", text: result }));
      return await Promise.race([done, aborted.promise]);
    });
    const table = (): TokenTable =>
      createTokenTable([
        { name: "alice", token: "alice", tools: "all", quota },
        { name: "bob", token: "bob" },
        { name: "root", token: "root", admin: true, monitor: true, tools: "all" },
      ]);
    startWorker({
      ...{ slots: 1, clock, gate },
      mcp: { ...tools.mcp, limits: { ...tools.mcp.limits, timeoutMs: callsTimeoutMs } },
      access: { localMode: false, tokens: table },
      ...options,
    });
  }

  async function occupy(): Promise<void> {
    gate.shutWhen(() => true);
    const id = `other-${(others += 1)}`;
    const body = JSON.stringify({ prompt: "endless", job_id: id, on_disconnect: "continue" });
    expect((await request("bob", "POST", "/v1/jobs", body)).status).toBe(202);
    await expect.poll(() => worker.registry.get("bob", id)?.state.phase.name).toBe("running");
  }

  const jobOf = (): Job | undefined => worker.registry.liveJobs().find(({ spec }) => spec.who.client === "alice");
  const isAt = (job: Job | undefined, step: number): boolean =>
    job?.state.step.index === step && job.log.nextToken > job.state.step.firstToken;

  async function ask(calls: string, { path = "/v1/jobs", body = {} }: Asking): Promise<Response> {
    const content = [{ type: "image_url", image_url: { url: dataUrl(red) } }, text(say(calls))];
    const whole = { messages: [{ role: "user", content }], temperature: 0, mcp_tools: "all", job_id: "j" };
    const sent = { ...whole, session_id: "talk", on_disconnect: "continue", ...body };
    return await request("alice", "POST", path, JSON.stringify(sent));
  }

  const phases: CallPhases = {
    worker,
    get tools() {
      return tools;
    },
    get clock() {
      return clock;
    },
    ...{ request, occupy },
    async reach(phase, asking = {}) {
      const isOverQuota = phase === "waiting for its minute";
      quota = { ...noQuota, ...(isOverQuota && { tokensPerMinute: 1 }), ...asking.quota };
      await start(asking);
      asking.before?.();
      if (phase === "queued") await occupy();
      if (phase === "running") gate.shutWhen(() => isAt(jobOf(), 0));
      if (phase === "running again") gate.shutWhen(() => isAt(jobOf(), 1));
      if (phase === "running again" || phase === "waiting for its minute") go.resolve();
      const { calls = call(phase === "waiting for consent" ? "s__asked" : "s__free", "x") } = asking;
      const response = await ask(calls, asking);
      expect(response.status, phase).toBeLessThan(300);
      if (phase === "queued again") {
        await expect.poll(() => tools.calls).toHaveLength(1);
        await occupy();
        go.resolve();
      }
      await phases.comesTo(phase);
      // The worker would refuse other requests of the client.
      quota = { ...quota, tokensPerMinute: undefined };
      return { job: jobOf() as Job, response };
    },
    comesTo: async (phase) => await expect.poll(() => phaseOf(jobOf(), tools)).toBe(phase),
    async vacate() {
      gate.open();
      await request("root", "DELETE", `/v1/jobs/other-${others}?client=bob`);
    },
    returnCalls: () => go.resolve(),
    release() {
      gate.open();
      go.resolve();
    },
    async finish(job) {
      phases.release();
      await phases.vacate();
      const { phase } = job.state;
      if (phase.name === "calling" && phase.call?.state === "waits_for_consent") {
        const body = JSON.stringify({ call_id: phase.call.call_id, allow: "once" });
        await request("alice", "POST", "/v1/jobs/j/consent", body);
      }
      // A client without tokens of its minute waits for the next one.
      if (phase.name === "calling" && phase.call === undefined) clock.advance(61_000);
      await job.ended.promise;
    },
    async held() {
      const usage = (await (await request("alice", "GET", "/v1/usage")).json()) as { clients: { running: number }[] };
      const { registry, app, dispatcher } = worker;
      return {
        ...{ jobs: registry.liveCount, running: dispatcher.running, waiting: dispatcher.waiting },
        ...{ quota: usage.clients[0]?.running, pictures: app.pictureBytes, streams: app.streams.open },
      };
    },
    async recorded({ spec }) {
      const { client, requestDigest = "" } = spec.who;
      const key = spec.calls?.key ?? "";
      const record = await tools.mcp.journal.begin({ client, key, digest: requestDigest });
      record?.release();
      return record?.outcomeOf("0.0");
    },
  };
  return phases;
}

function phaseOf(job: Job | undefined, tools: InlineTools): CallPhase | undefined {
  if (job === undefined) return undefined;
  const { phase, step } = job.state;
  if (phase.name === "queued") return step.index === 0 ? "queued" : "queued again";
  if (phase.name === "running") return step.index === 0 ? "running" : "running again";
  if (phase.name !== "calling") return undefined;
  if (phase.call !== undefined) return phase.call.state === "running" ? "in a call" : "waiting for consent";
  return tools.calls.length === 0 ? undefined : "waiting for its minute";
}

/** A gate of steps that a test shuts and opens. */
function createSwitch(): { pass: () => Promise<void>; shutWhen(isShut: () => boolean): void; open(): void } {
  let isShut = (): boolean => false;
  let opened = deferred<void>();
  return {
    async pass() {
      if (isShut()) await opened.promise;
    },
    shutWhen(when) {
      isShut = when;
      opened = deferred();
    },
    open() {
      isShut = () => false;
      opened.resolve();
    },
  };
}
