// Owns the actions of clients in a simulation: submit, read, leave, return, cancel.
import { generateSpecOf } from "@waggle/front";
import { lanePriority, WaggleError } from "@waggle/protocol";
import type { ErrorBody } from "@waggle/protocol";
import { waitsForConsent } from "@waggle/jobs";
import type { Job } from "@waggle/jobs";
import { alice, bob } from "../two-clients.ts";
import { createArrivingBody, isRefusedByFront } from "./pictures.ts";
import type { ArrivingBody } from "./pictures.ts";
import { decideWorkOf, isRefusedByModel, randomDecision, randomRequest, randomToolRequest } from "./request.ts";
import type { SimulatedRequest } from "./request.ts";
import { jobLabel, jobStateLabel } from "./rules.ts";
import { createVisitor } from "./visitor.ts";
import type { Visitor } from "./visitor.ts";
import { createWitness } from "./witness.ts";
import type { Witness } from "./witness.ts";
import type { World } from "./world.ts";

export interface Clients {
  submit(): void;
  open(): void;
  /** A random reader reads, leaves or returns. */
  visit(): void;
  cancel(): void;
  /** The request of a job with tools is sent again. */
  again(): void;
  /** Gives or refuses the consent to a call that waits for it. */
  consent(): void;
  cancelSession(): void;
  /** The next part of a random body with pictures arrives, or its client leaves. */
  arrive(): void;
  /** All bodies arrive. */
  arriveAll(): void;
  /** Number of submissions that are not yet accepted or refused. */
  readonly undecided: number;
}

/** Wraps the worker's registry, so that each job is seen at the moment of its acceptance. */
export function createClients(world: World): Clients {
  const { random, clock, worker, tools, rules, limits, contextSize, witnesses, visitors, note, count, fault } = world;
  const { dispatcher, registry } = worker;
  /** The request of every submission, by its trace. */
  const requests = new Map<string, SimulatedRequest>();
  /** The bodies that have not arrived, by trace. */
  const arriving = new Map<string, ArrivingBody>();
  /** Traces whose clients left before the body was complete. */
  const left = new Set<string>();
  let submissions = 0;
  let undecided = 0;
  const { add, forget } = registry;
  registry.add = (job) => {
    add(job);
    accept(job);
  };
  registry.forget = (job) => {
    const witness = witnesses.find((each) => each.job === job);
    const { outcome = "never ended", givenUp = false } = witness ?? {};
    const continues = /^failed|cancelled (?:disconnect|unclaimed)$/.test(outcome) && !givenUp;
    if (!continues) fault(`job ${witness?.number} is forgotten for another try, and it ${outcome}`);
    count("jobs that are tried again");
    forget(job);
  };

  function submit(): void {
    const request = requestOf();
    const client = random.pick(["alice", "alice", "bob"]);
    const isSent = request.shown !== undefined || request.mcp_tools !== undefined;
    const direct = !isSent && random.chance(0.4);
    const trace = `t${(submissions += 1)}`;
    note(`submit ${trace} ${client} ${direct ? "direct " : ""}${shortOf(request)}`);
    undecided += 1;
    requests.set(trace, request);
    if (isSent) return send(trace, client, request);
    const retriable = random.chance(0.3);
    const spec = generateSpecOf(request, { client, trace, model: "waggle-fake", direct });
    const work = decideWorkOf(request) ?? spec.work;
    const isOfLane = request.session_id === undefined && request.deadline_ms === undefined && random.chance(0.2);
    const when = { ...spec.when, retriable, ...(isOfLane ? { priority: lanePriority } : {}) };
    void dispatcher.submit({ ...spec, work, when }).then(
      (job) => {
        undecided -= 1;
        const witness = witnesses.find((each) => each.job === job);
        if (witness === undefined) fault(`${trace} was accepted and is not registered`);
        else if (direct) attach(witness, -1).setEager();
      },
      (thrown: unknown) => {
        undecided -= 1;
        if (isOfLane && WaggleError.from(thrown).code === "resource_exhausted") fault(`${trace} is of the lane`);
        refuse(trace, thrown, request);
      },
    );
  }

  function requestOf(): SimulatedRequest {
    if (random.chance(0.15)) return randomDecision(random);
    if (tools === undefined) return randomRequest(random, contextSize);
    if (random.chance(0.6)) return randomToolRequest(random, submissions);
    return { ...randomRequest(random, contextSize), max_tokens: 1 + random.below(24) };
  }

  /** Sends a request with pictures or tools to the route of background jobs. */
  function send(trace: string, client: string, request: SimulatedRequest): void {
    const body = createArrivingBody(request, 1 + random.below(3));
    const key = request.retryKey === undefined ? {} : { "idempotency-key": request.retryKey };
    const headers = { ...headersOf(client), ...key, "x-request-id": trace };
    const init = { method: "POST", headers, body: body.stream, duplex: "half" as const };
    arriving.set(trace, body);
    arriveMore(trace, body);
    void Promise.resolve(worker.app.request("/v1/jobs", init)).then(async (response) => {
      const error = response.ok ? undefined : ((await response.json()) as ErrorBody).error;
      undecided -= 1;
      arriving.delete(trace);
      if (error === undefined) {
        const accepted = request.shown === undefined ? "accepted with tools" : "accepted with pictures";
        count(witnesses.some(({ job }) => job.spec.who.trace === trace) ? accepted : "joined");
        return;
      }
      const retryAfterS = Number(response.headers.get("retry-after") ?? Number.NaN);
      refuse(trace, new WaggleError(error.code, error.message, { retryAfterS, details: error.details ?? {} }), request);
    });
  }

  function arriveMore(trace: string, body: ArrivingBody): void {
    if (!body.arrive()) arriving.delete(trace);
  }

  function accept(job: Job): void {
    const { trace } = job.spec.who;
    const request = requests.get(trace);
    if (request === undefined) throw new Error(`${trace} was never submitted`);
    if (world.refusing) fault(`${trace} was accepted though the worker refuses`);
    const witness = createWitness(job, request, witnesses.length + 1, fault);
    witnesses.push(witness);
    note(`accepted ${trace} as ${jobLabel(witness)}`);
    if (isRefusedByModel(request, contextSize)) witness.reasons.add("invalid_argument");
    rules.watch(witness);
  }

  function refuse(trace: string, thrown: unknown, request: SimulatedRequest): void {
    const error = thrown instanceof WaggleError ? thrown : undefined;
    const code = error?.code ?? "internal";
    const { shown = [] } = request;
    note(`refused ${trace}: ${code}`);
    count(`refused ${code}`);
    const fits: Partial<Record<typeof code, boolean>> = {
      invalid_argument:
        isRefusedByModel(request, contextSize) || isRefusedByFront(shown, "invalid_argument") || left.has(trace),
      payload_too_large: isRefusedByFront(shown, "payload_too_large"),
      conflict: request.job_id !== undefined || request.retryKey !== undefined,
      unavailable: world.refusing,
      resource_exhausted: isRetryAfter(error?.retryAfterS),
      deadline_exceeded: Number(error?.details?.["estimate_ms"]) > (request.deadline_ms ?? Infinity),
    };
    if (left.has(trace)) count("left before its body arrived");
    if (error?.message.includes("--pictures-total") === true) count("refused pictures in all");
    if (fits[code] !== true) fault(`${trace} was refused with ${code}: ${String(thrown)}`);
  }

  function attach(witness: Witness, after: number): Visitor {
    const visitor = createVisitor({
      witness,
      after,
      open: (from, onStalled) => dispatcher.openReader(witness.job, from, onStalled),
      now: clock.now,
      stallTimeoutMs: limits.readerStallTimeoutMs,
      fault,
      onCutOff: (how) => count(`reader ${how}`),
    });
    visitors.push(visitor);
    return visitor;
  }

  /** Whether the job is still registered, and can be opened. */
  function isThere({ job }: Witness): boolean {
    return registry.get(job.spec.who.client, job.id) === job;
  }

  function cancelWitness(witness: Witness): void {
    const { job, outcome, reasons } = witness;
    const by = tools !== undefined && random.chance(0.3) ? "operator" : "client";
    if (outcome === undefined) {
      reasons.add(by);
      count(`cancel in ${jobStateLabel(job)}`);
    } else if (tools !== undefined) giveUp(witness);
    dispatcher.cancel(job, by);
  }

  function giveUp(witness: Witness): void {
    const { client } = witness.job.spec.who;
    const init = { method: "DELETE", headers: headersOf(client) };
    void Promise.resolve(worker.app.request(`/v1/jobs/${witness.job.id}`, init)).then(({ ok }) => {
      // The id may be that of a later try by now.
      for (const { job, reasons } of witnesses)
        if (job.id === witness.job.id && job.spec.who.client === client) reasons.add("client");
      // A request that is under way may have found the job before.
      if (ok && undecided === 0 && isThere(witness)) witness.givenUp = true;
    });
  }

  return {
    submit,
    open() {
      const witness = random.pickAny(witnesses.slice(-8));
      if (witness === undefined || !isThere(witness)) return;
      const after = random.chance(0.5) ? -1 : random.below(witness.tokens.length + 2) - 1;
      note(`open job ${witness.number} after ${after}`);
      const visitor = attach(witness, after);
      if (random.chance(0.7)) visitor.setEager();
    },
    visit() {
      const visitor = random.pickAny(visitors.slice(-8));
      if (visitor === undefined) return;
      const { witness } = visitor;
      if (visitor.attached) {
        const leaves = random.chance(0.4);
        note(`${leaves ? "leave" : "pull"} job ${witness.number}`);
        if (leaves) visitor.leave();
        else visitor.pull();
      } else if (!visitor.done && isThere(witness)) {
        note(`resume job ${witness.number}`);
        count("resumed");
        visitor.resume();
        if (visitor.eager || random.chance(0.5)) visitor.setEager();
      }
    },
    cancel() {
      const witness = random.pickAny(random.chance(0.8) ? rules.live : witnesses);
      if (witness === undefined) return;
      note(`cancel ${jobLabel(witness)}`);
      cancelWitness(witness);
    },
    again() {
      const witness = random.pickAny(witnesses.filter(({ request }) => request.mcp_tools !== undefined).slice(-8));
      if (witness === undefined) return;
      const trace = `t${(submissions += 1)}`;
      note(`send the request of ${jobLabel(witness)} again as ${trace}`);
      count(`sent again in ${jobStateLabel(witness.job)}`);
      undecided += 1;
      requests.set(trace, witness.request);
      send(trace, witness.job.spec.who.client, witness.request);
    },
    consent() {
      const witness = random.pickAny(rules.live.filter(({ job }) => waitsForConsent(job)));
      const phase = witness?.job.state.phase;
      if (witness === undefined || phase?.name !== "calling") return;
      const allow = random.pick(["once", "once", "conversation", "no"]);
      note(`consent "${allow}" to ${jobLabel(witness)}`);
      count(`consent ${allow}`);
      const { id, spec } = witness.job;
      const body = JSON.stringify({ call_id: phase.call?.call_id, allow });
      const init = { method: "POST", headers: headersOf(spec.who.client), body };
      void Promise.resolve(worker.app.request(`/v1/jobs/${id}/consent`, init)).then(({ status }) => {
        if (status === 404) count("consents that came too late");
        else if (status !== 204) fault(`a consent is answered with ${status}`);
      });
    },
    cancelSession() {
      const job = dispatcher.sessionJob(random.pick(["alice", "bob"]), random.pick(["s1", "s2"]));
      const witness = witnesses.find((each) => each.job === job);
      if (witness === undefined) return;
      note(`cancel the session of ${jobLabel(witness)}`);
      cancelWitness(witness);
    },
    arrive() {
      const entry = random.pickAny([...arriving]);
      if (entry === undefined) return;
      const [trace, body] = entry;
      if (random.chance(0.8)) return arriveMore(trace, body);
      note(`leave ${trace} before its body has arrived`);
      left.add(trace);
      arriving.delete(trace);
      body.leave();
    },
    arriveAll() {
      for (const [trace, body] of arriving) while (arriving.has(trace)) arriveMore(trace, body);
    },
    get undecided() {
      return undecided;
    },
  };
}

function headersOf(client: string): Record<string, string> {
  return { host: "localhost", ...(client === "bob" ? bob : alice) };
}

function isRetryAfter(seconds: number | undefined): boolean {
  return seconds !== undefined && Number.isInteger(seconds) && seconds >= 1 && seconds <= 60;
}

/** The fields that differ between requests, for the history. */
function shortOf(request: SimulatedRequest): string {
  return JSON.stringify({ ...request, shown: request.shown?.map(({ length }) => length) }, [
    ...["prompt", "questions", "shown", "max_tokens", "stop", "session_id", "priority", "deadline_ms", "on_disconnect"],
    ...["job_id", "retryKey", "grammar"],
  ]);
}
