// Runs one simulated schedule, and checks what must hold at its end. Everything follows from the seed: a fake clock sets the
// time, and nothing real is awaited, so that the event loop always runs turns in the same order.
import { isLane } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import type { AdmissionQueue } from "@waggle/queue";
import type { Job } from "@waggle/jobs";
import { createInlineWorker, testLimits } from "../inline-worker.ts";
import { forTwoClients } from "../two-clients.ts";
import { createClients } from "./clients.ts";
import { createSimulatedTools, type SimulatedTools } from "./calls.ts";
import { createOperator } from "./operator.ts";
import { pictureLimits } from "./pictures.ts";
import { createRandom } from "./random.ts";
import { createRules } from "./rules.ts";
import { checkSessionLog } from "./session-log.ts";
import { createWire } from "./wire.ts";
import type { Witness } from "./witness.ts";
import type { World } from "./world.ts";

export interface SimulationReport {
  /** How often each kind of event happened: outcomes of jobs, refusals, faults. */
  readonly counts: Readonly<Record<string, number>>;
  /** All actions and observations, in order; equal for equal seeds. */
  readonly history: readonly string[];
}

/** How long answers of jobs without a reader are kept, in ms. All other answers are forgotten sooner. */
const answerWindowMs = 1_800_000;
/** Number of microtasks that is enough for every chain of promises in the worker. */
const reactionTicks = 50;
/** Maximum number of turns of the event loop that the end of a schedule may take; with more, something hangs. */
const mostClosingTurns = 2_000;

/**
 * @param withTools whether jobs have MCP tools, whose calls, consents and results are inputs too
 * @throws Error with the broken rules and the history
 */
export async function simulate(seed: number, withTools = false): Promise<SimulationReport> {
  const random = createRandom(seed);
  const history: string[] = [];
  const faults: string[] = [];
  const counts: Record<string, number> = {};
  /** Probability that messages under way are delivered between two actions. */
  const promptness = random.pick([0.2, 0.6, 1]);
  const actions = 30 + random.below(60);
  const loadLater = random.chance(0.2);
  const world = createWorld();
  const { clock, worker, wire, tools, rules, witnesses, visitors, tickets, note, fault } = world;
  const clients = createClients(world);
  const operator = createOperator(world, !loadLater);

  function createWorld(): World {
    const newClock = createFakeClock();
    const noteAt = (line: string): void => void history.push(`${newClock.now()} ms: ${line}`);
    const faulty = (message: string): void => {
      faults.push(message);
      noteAt(`BROKEN: ${message}`);
    };
    const slots = 1 + random.below(4);
    const contextSize = withTools ? 8_000 + random.below(500) : 40 + random.below(80);
    /** Often too small for all slots, so that jobs wait and are parked. */
    const contextPool = Math.min(slots * contextSize, Math.floor(contextSize * random.pick([1, 1.3, 1.8, 4])));
    const endedJobsKept = random.pick([2, 1_000]);
    const limits = { ...testLimits, retryGraceMs: 2_000, replayBufferBytes: random.pick([700, 1 << 20, 1 << 20]) };
    const picturesTotalBytes = random.pick([600, 800, 1 << 20]);
    const newWire = createWire({ late: random.chance(0.5), fault: faulty });
    const newWitnesses: Witness[] = [];
    const newTools = createSimulatedTools({
      random,
      limits: { steps: 3, timeoutMs: random.pick([10_000, 40_000]) },
      count,
      fault: faulty,
      onUnrecorded(client, key) {
        for (const { job, reasons } of newWitnesses)
          if (job.spec.who.client === client && job.spec.calls?.key === key) reasons.add("unavailable");
      },
    });
    const newWorker = createInlineWorker({
      slots,
      contextSize,
      queueCapacity: 1 + random.below(6),
      clock: newClock,
      limits,
      endedJobsKept,
      loadLater,
      preparedBytes: random.pick([0, 2_000, 1 << 26]),
      headroomCells: random.pick([1, 8, 256]),
      fake: {
        contextPool,
        copies: random.chance(0.5),
        drafts: random.chance(0.5),
        readsPictures: true,
        encodeGate: newWire.encodeGate,
      },
      access: forTwoClients,
      pictures: { ...pictureLimits, picturesTotalBytes },
      ...(withTools ? { mcp: newTools.mcp } : {}),
      link: newWire.link,
      gate: newWire.gate,
    });
    const newTickets = watchTickets(newWorker.host.queue);
    return {
      random,
      clock: newClock,
      worker: newWorker,
      wire: newWire,
      rules: createRules({
        app: newWorker.app,
        picturesTotalBytes,
        host: newWorker.host,
        registry: newWorker.registry,
        slots,
        endedJobsKept,
        limits,
        tickets: newTickets,
        now: newClock.now,
        fault: faulty,
      }),
      limits,
      contextSize,
      tools: withTools ? newTools : undefined,
      tickets: newTickets,
      witnesses: newWitnesses,
      visitors: [],
      refusing: false,
      note: noteAt,
      count,
      fault: faulty,
    };
  }

  function count(what: string): void {
    counts[what] = (counts[what] ?? 0) + 1;
  }

  /** @throws Error with the rules broken so far, and the history */
  function inspect(): void {
    rules.check(operator.loaded);
    if (faults.length > 0) throw new Error(`${faults.join("\n")}\n\nHistory:\n${history.join("\n")}`);
  }

  async function advance(): Promise<void> {
    // Node's timers fire only after the reactions of promises have run.
    await ticks(reactionTicks);
    const ms = random.pick([0.5, 5, 5, 50, 50, 500, 500, 1_000, 2_000, 5_000, 15_000, 30_000]);
    note(`${ms} ms pass`);
    // An encoding that takes minutes would be taken for one that hangs.
    if (ms >= 5_000) wire.endEncoding();
    clock.advance(ms);
    // Inspect at once: a reader that is opened later would hide that the job had no reader.
    inspect();
  }

  function crashOrLoad(): void {
    if (!operator.loaded) operator.load();
    else if (random.chance(0.2)) operator.crash();
  }

  const choices: readonly [weight: number, run: () => void | Promise<void>][] = [
    [18, clients.submit],
    [12, clients.open],
    [16, clients.visit],
    [6, clients.cancel],
    [3, clients.cancelSession],
    [8, crashOrLoad],
    [10, advance],
    [30, step],
    [10, clients.arrive],
    [10, operator.encode],
    ...(tools === undefined ? [] : choicesOfTools(tools)),
  ];
  const totalWeight = choices.reduce((sum, [weight]) => sum + weight, 0);

  function choicesOfTools({ answer, write }: SimulatedTools): [weight: number, run: () => void][] {
    return [
      [10, clients.again],
      [12, clients.consent],
      [14, answer],
      [10, write],
    ];
  }

  /** An answer with calls has some hundred tokens. */
  async function step(): Promise<void> {
    wire.step(1 + random.below(tools === undefined ? 10 : 200));
    for (let left = tools === undefined ? 0 : 40; left > 0; left -= 1) {
      wire.deliver(random.below(3));
      await turn();
      inspect();
    }
  }

  async function act(): Promise<void> {
    let left = random.below(totalWeight);
    for (const [weight, run] of choices) {
      left -= weight;
      if (left < 0) return await run();
    }
  }

  /** Lets the event loop run nothing, a few microtasks, or a turn. */
  async function pass(): Promise<void> {
    if (random.chance(promptness)) wire.deliver(1 + random.below(3));
    if (random.chance(0.2)) return;
    if (random.chance(0.7)) return await turn();
    await ticks(random.below(6));
  }

  /** Makes no more requests and holds nothing up, so that every job must end by itself. */
  async function close(): Promise<void> {
    if (random.chance(0.15)) operator.refuse();
    if (random.chance(0.05)) operator.abort();
    if (!operator.loaded) operator.load();
    note("everything opens");
    clients.arriveAll();
    wire.open();
    tools?.openJournal();
    // Otherwise no call returns before its job has ended.
    const returns = random.chance(0.7);
    if (returns) tools?.openServer();
    const busy = (): boolean => rules.live.length + clients.undecided + worker.dispatcher.sequences > 0;
    for (let turns = 1; turns < mostClosingTurns && busy(); turns += 1) {
      wire.deliver(wire.underWay);
      await turn();
      if (turns % 50 === 0) clock.advance(tools === undefined ? 100 : 1_500);
      inspect();
      if (returns && tools !== undefined) clients.consent();
    }
    tools?.openServer();
    for (const visitor of visitors) visitor.leave();
    await turn();
    await ticks(reactionTicks);
    inspect();
  }

  function conclude(): void {
    for (const witness of witnesses) {
      witness.conclude(world.contextSize);
      count(witness.outcome ?? "never ended");
      if (witness.request.questions !== undefined) count(`decide jobs, ${witness.outcome?.split(" ")[0]}`);
      if (isLane(witness.job.spec.when)) {
        count(`lane jobs, ${witness.outcome?.split(" ")[0]}`);
        if (witness.job.state.resumptions > 0) count("lane jobs that continued");
      }
      if (witness.parks > 0) count(`parked and ${witness.outcome?.split(" ")[0] ?? "never ended"}`);
    }
    const { registry } = worker;
    const { dispatcher, queue } = worker.host;
    const left = {
      live: registry.liveCount,
      waiting: dispatcher.waiting,
      running: dispatcher.sequences,
      "lane jobs": dispatcher.laneJobs,
      queued: queue.depth,
      sessions: registry.sessions.size,
      tickets: tickets.size,
      submissions: clients.undecided,
      "bytes of pictures": worker.app.pictureBytes,
      readers: witnesses.reduce((sum, { job }) => sum + job.readers, 0),
      "jobs in quotas": worker.accounts.report().clients.reduce((sum, { running }) => sum + running, 0),
      ...tools?.left,
      ...worker.app.calls?.held,
    };
    for (const [what, number] of Object.entries(left)) if (number !== 0) fault(`${number} ${what} are left in the end`);
    if (worker.slots().some(({ state }) => state !== "idle")) fault("a slot is not idle in the end");
    if (!operator.drained) fault("the worker was told to leave and never became idle");
    checkSessionLog(worker.logLines, witnesses, fault);
    clock.advance(answerWindowMs);
    for (const { job } of witnesses)
      if (registry.has(job.spec.who.client, job.id)) fault(`the id ${job.id} is never free again`);
    if (registry.endedCount + registry.replayBytes > 0) fault(`${registry.endedCount} ended jobs are kept for ever`);
    // The history's timer runs until the worker is closed.
    if (clock.pending !== 1) fault(`${clock.pending} timers are left`);
    inspect();
    for (const { msg } of worker.logLines) if (typeof msg === "string" && msg.startsWith("prev_")) count(msg);
    count(`cancel took ${wire.mostCancelSteps} steps at most`);
    for (const { number, outcome, tokens } of witnesses) {
      note(`job ${number}: ${outcome}, "${tokens.map(({ text }) => text).join("")}"`);
    }
  }

  for (let left = actions; left > 0; left -= 1) {
    await act();
    await pass();
    inspect();
    if (left === 10 && random.chance(0.15)) operator.refuse();
  }
  await close();
  conclude();
  await worker.close();
  return { counts, history };
}

/** The uids of the jobs that were taken from the queue and not yet given back. */
function watchTickets(queue: AdmissionQueue<Job>): ReadonlySet<string> {
  const tickets = new Set<string>();
  const { take, finished, putBack } = queue;
  queue.take = (id) => {
    const job = take(id);
    if (job !== undefined) tickets.add(job.uid);
    return job;
  };
  queue.putBack = (id) => {
    tickets.delete(id);
    putBack(id);
  };
  queue.finished = (id) => {
    tickets.delete(id);
    finished(id);
  };
  return tickets;
}

async function ticks(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await Promise.resolve();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
