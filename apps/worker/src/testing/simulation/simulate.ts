// Owns one simulated schedule: who submits, reads, leaves, cancels, and what fails when. All of it follows from the seed; time is a fake
// clock's, and the order of turns the event loop's, in which nothing real is waited for.
import { createFakeClock } from "@waggle/testing";
import { WaggleError } from "@waggle/protocol";
import type { WorkerMetrics } from "@waggle/telemetry";
import type { JobLimits } from "../../jobs/dispatcher.ts";
import type { Job } from "../../jobs/job.ts";
import { createInlineWorker, testLimits } from "../inline-worker.ts";
import { createRandom } from "./random.ts";
import { isRefusedByModel, randomRequest } from "./request.ts";
import { createRules, nameOf } from "./rules.ts";
import { checkSessionLog } from "./session-log.ts";
import { createVisitor } from "./visitor.ts";
import type { Visitor } from "./visitor.ts";
import { createWire } from "./wire.ts";
import { createWitness } from "./witness.ts";
import type { Witness } from "./witness.ts";

export interface SimulationReport {
  /** How often what happened: outcomes of jobs, refusals, faults. */
  readonly counts: Readonly<Record<string, number>>;
  /** Everything that was done and seen, in order; equal for equal seeds. */
  readonly history: readonly string[];
}

const replayWindowMs = 60_000;
/** Turns of the event loop that the end of a schedule may take before something hangs. */
const mostClosingTurns = 2_000;

/** @throws Error naming the first rule that was broken, with the history that led there */
export async function simulate(seed: number, metrics: WorkerMetrics): Promise<SimulationReport> {
  const random = createRandom(seed);
  const clock = createFakeClock();
  const history: string[] = [];
  const faults: string[] = [];
  const counts: Record<string, number> = {};
  const fault = (message: string): void => {
    faults.push(message);
    note(`BROKEN: ${message}`);
  };
  const slots = 1 + random.below(4);
  const contextSize = 40 + random.below(80);
  const limits: JobLimits = { ...testLimits, replayBufferBytes: random.chance(0.2) ? 700 : 1 << 20 };
  const loadLater = random.chance(0.2);
  /** How often something that is under way is delivered between two actions. */
  const promptness = random.pick([0.2, 0.6, 1]);
  const wire = createWire({ late: random.chance(0.5), fault });
  const worker = createInlineWorker({
    slots,
    contextSize,
    queueCapacity: 1 + random.below(6),
    clock,
    limits,
    loadLater,
    metrics,
    link: wire.link,
    gate: wire.gate,
  });
  const { dispatcher } = worker;
  const { add } = worker.registry;
  worker.registry.add = (job) => {
    add(job);
    accept(job);
  };
  const rules = createRules({ worker, slots, limits, now: clock.now, fault });
  const witnesses: Witness[] = [];
  const visitors: Visitor[] = [];
  let loaded = !loadLater;
  let submissions = 0;
  let undecided = 0;
  let refusing = false;
  let drained: boolean | undefined;

  function note(line: string): void {
    history.push(`${clock.now()} ms: ${line}`);
  }

  function count(what: string): void {
    counts[what] = (counts[what] ?? 0) + 1;
  }

  // ---- what may happen ----------------------------------------------------------------------------------------------

  function submit(): void {
    const request = randomRequest(random, contextSize);
    const client = random.pick(["alice", "alice", "bob"]);
    const direct = random.chance(0.4);
    const trace = `t${(submissions += 1)}`;
    note(`submit ${trace} ${client} ${direct ? "direct " : ""}${JSON.stringify(shortOf(request))}`);
    undecided += 1;
    void dispatcher.submit({ request, client, trace, direct }).then(
      (job) => {
        undecided -= 1;
        const witness = witnesses.find((each) => each.job === job);
        if (witness === undefined) fault(`${trace} was accepted and is not registered`);
        else if (direct) visit(witness, -1).setEager();
      },
      (thrown: unknown) => {
        undecided -= 1;
        refuse(trace, thrown, request.job_id !== undefined, isRefusedByModel(request, contextSize));
      },
    );
  }

  /** At the very moment of acceptance, before the one who asked hears of it. */
  function accept(job: Job): void {
    if (refusing) fault(`${job.trace} was accepted though the worker refuses`);
    const witness = createWitness(job, witnesses.length + 1, fault);
    witnesses.push(witness);
    note(`accepted ${job.trace} as ${nameOf(witness)}`);
    if (isRefusedByModel(job.request, contextSize)) witness.reasons.add("invalid_argument");
    rules.watch(witness);
  }

  function refuse(trace: string, thrown: unknown, named: boolean, impossible: boolean): void {
    const code = thrown instanceof WaggleError ? thrown.code : String(thrown);
    note(`refused ${trace}: ${code}`);
    count(`refused ${code}`);
    const fits: Record<string, boolean> = {
      invalid_argument: impossible,
      conflict: named,
      unavailable: refusing,
      resource_exhausted: thrown instanceof WaggleError && isRetryAfter(thrown.retryAfterS),
    };
    if (fits[code] !== true) fault(`${trace} was refused with ${code}: ${String(thrown)}`);
  }

  function visit(witness: Witness, after: number): Visitor {
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

  function open(): void {
    const witness = random.pickAny(witnesses.slice(-8));
    if (witness === undefined || worker.registry.get(witness.job.client, witness.job.id) !== witness.job) return;
    const after = random.below(witness.tokens.length + 2) - 1;
    note(`open job ${witness.number} after ${after}`);
    const visitor = visit(witness, random.chance(0.5) ? -1 : after);
    if (random.chance(0.7)) visitor.setEager();
  }

  function useVisitor(): void {
    const visitor = random.pickAny(visitors.slice(-8));
    if (visitor === undefined) return;
    const { number, job } = visitor.witness;
    if (visitor.attached) {
      const leaves = random.chance(0.4);
      note(`${leaves ? "leave" : "pull"} job ${number}`);
      if (leaves) visitor.leave();
      else visitor.pull();
    } else if (!visitor.done && worker.registry.get(job.client, job.id) === job) {
      note(`resume job ${number}`);
      count("resumed");
      visitor.resume();
      if (visitor.eager || random.chance(0.5)) visitor.setEager();
    }
  }

  function cancel(): void {
    const witness = random.pickAny(random.chance(0.8) ? rules.live : witnesses);
    if (witness === undefined) return;
    note(`cancel ${nameOf(witness)}`);
    cancelByClient(witness);
  }

  function cancelSession(): void {
    const job = dispatcher.sessionJob(random.pick(["alice", "bob"]), random.pick(["s1", "s2"]));
    const witness = witnesses.find((each) => each.job === job);
    if (witness === undefined) return;
    note(`cancel the session of ${nameOf(witness)}`);
    cancelByClient(witness);
  }

  function cancelByClient(witness: Witness): void {
    if (witness.outcome === undefined) {
      witness.reasons.add("client");
      count(`cancel in ${witness.job.place} ${witness.job.state.name}`);
    }
    dispatcher.cancel(witness.job, "client");
  }

  function crashOrLoad(): void {
    if (!loaded) load();
    else if (random.chance(0.2)) crash();
  }

  function load(): void {
    note("the engine is ready");
    loaded = true;
    worker.load();
  }

  function crash(): void {
    note("the engine dies");
    count("engine deaths");
    if (random.chance(0.5)) wire.deliver(wire.underWay);
    const before = rules.live.map((witness) => ({
      witness,
      began: witness.job.startedAt !== undefined,
      ends: witness.job.ending,
    }));
    for (const { witness, began } of before) if (began) witness.reasons.add("engine_failed");
    const backend = worker.backend();
    loaded = false;
    worker.kill();
    wire.cut();
    void backend.dispose();
    for (const { witness, began, ends } of before) {
      const mustEnd = began || (ends !== undefined && witness.job.place === "engine");
      if (mustEnd && witness.outcome === undefined) fault(`${nameOf(witness)} outlives its engine`);
    }
    if (dispatcher.running > 0) fault(`${dispatcher.running} jobs run without an engine`);
  }

  function advance(): void {
    const ms = random.pick([0.5, 5, 5, 50, 50, 500, 500, 1_000, 2_000, 5_000, 15_000, 30_000]);
    note(`${ms} ms pass`);
    clock.advance(ms);
    // At once, because a reader that comes now would hide that nobody read before.
    inspect();
  }

  function refuseNew(): void {
    note("refuse new jobs");
    refusing = true;
    const waiting = rules.live.filter(({ job }) => job.place !== "engine");
    for (const { reasons } of rules.live) reasons.add("unavailable");
    dispatcher.refuse(new WaggleError("unavailable", "The worker is leaving."));
    for (const witness of waiting)
      if (witness.outcome === undefined) fault(`${nameOf(witness)} waits though the worker leaves`);
    drained ??= false;
    void dispatcher.idle().then(() => {
      drained = true;
      if (rules.live.length > 0) fault(`the worker is idle with ${rules.live.length} live jobs`);
    });
  }

  function abort(): void {
    note("abort");
    refusing = true;
    for (const { reasons } of rules.live) reasons.add("unavailable");
    dispatcher.abort(new WaggleError("unavailable", "The worker leaves now."));
    for (const witness of rules.live) fault(`${nameOf(witness)} outlives the abort`);
  }

  // ---- the schedule -------------------------------------------------------------------------------------------------

  const actions: readonly [number, () => void][] = [
    [18, submit],
    [12, open],
    [16, useVisitor],
    [6, cancel],
    [3, cancelSession],
    [8, crashOrLoad],
    [10, advance],
    [30, () => wire.step(1 + random.below(10))],
  ];
  const total = actions.reduce((sum, [weight]) => sum + weight, 0);

  function act(): void {
    let left = random.below(total);
    for (const [weight, run] of actions) {
      left -= weight;
      if (left < 0) return run();
    }
  }

  /** Lets the event loop go on a little, or not at all. */
  async function pass(): Promise<void> {
    if (random.chance(promptness)) wire.deliver(1 + random.below(3));
    if (random.chance(0.2)) return;
    if (random.chance(0.3)) for (let ticks = random.below(6); ticks > 0; ticks -= 1) await undefined;
    else await turn();
  }

  async function close(): Promise<void> {
    if (random.chance(0.15)) refuseNew();
    if (random.chance(0.05)) abort();
    if (!loaded) load();
    note("everything opens");
    wire.open();
    const busy = (): boolean => rules.live.length + undecided + dispatcher.running > 0;
    for (let turns = 0; turns < mostClosingTurns && busy(); turns += 1) {
      wire.deliver(wire.underWay);
      await turn();
      if (turns % 50 === 49) clock.advance(100);
      inspect();
    }
    for (const visitor of visitors) visitor.leave();
    await turn();
    inspect();
  }

  function inspect(): void {
    rules.check(loaded);
    if (faults.length === 0) return;
    throw new Error(`${faults.join("\n")}\n\nHistory:\n${history.join("\n")}`);
  }

  function conclude(): void {
    for (const witness of witnesses) {
      witness.conclude(contextSize);
      count(witness.outcome ?? "never ended");
    }
    const { queue, registry, sessions } = worker;
    const left = {
      live: registry.liveCount,
      waiting: dispatcher.waiting,
      running: dispatcher.running,
      queued: queue.depth,
      sessions: sessions.size,
    };
    for (const [what, number] of Object.entries(left)) if (number !== 0) fault(`${number} ${what} are left in the end`);
    if (worker.slots().some(({ state }) => state !== "idle")) fault("a slot is not idle in the end");
    if (drained === false) fault("the worker was told to leave and never became idle");
    checkSessionLog(worker.logLines, witnesses, fault);
    clock.advance(replayWindowMs);
    if (registry.endedCount > 0 || registry.replayBytes > 0) fault(`${registry.endedCount} jobs are kept for ever`);
    for (const { job } of witnesses)
      if (registry.has(job.client, job.id)) fault(`the id ${job.id} is never free again`);
    if (clock.pending > 0) fault(`${clock.pending} timers are left`);
    for (const { msg } of worker.logLines) if (typeof msg === "string" && msg.startsWith("prev_stream_")) count(msg);
    counts["most cancel steps"] = wire.mostCancelSteps;
  }

  const most = 30 + random.below(60);
  for (let index = 0; index < most; index += 1) {
    act();
    await pass();
    inspect();
    if (index === most - 10 && random.chance(0.15)) refuseNew();
  }
  await close();
  conclude();
  if (faults.length > 0) inspect();
  for (const { number, outcome, tokens } of witnesses)
    note(`job ${number}: ${outcome}, "${tokens.map(({ text }) => text).join("")}"`);
  await worker.close();
  return { counts, history };
}

function isRetryAfter(seconds: number | undefined): boolean {
  return seconds !== undefined && Number.isInteger(seconds) && seconds >= 1 && seconds <= 60;
}

/** What differs from job to job. */
function shortOf(request: Job["request"]): Record<string, unknown> {
  const { prompt, max_tokens, stop, session_id, priority, deadline_ms, on_disconnect, job_id, grammar } = request;
  return { prompt, max_tokens, stop, session_id, priority, deadline_ms, on_disconnect, job_id, grammar };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
