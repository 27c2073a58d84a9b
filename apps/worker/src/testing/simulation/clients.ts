// Owns the actions of clients in a simulation: submit, read, leave, return, cancel.
import { generateSpecOf } from "@waggle/front";
import { WaggleError } from "@waggle/protocol";
import type { GenerateRequest } from "@waggle/protocol";
import type { Job } from "@waggle/jobs";
import { isRefusedByModel, randomRequest } from "./request.ts";
import { nameOf, placeOf } from "./rules.ts";
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
  cancelSession(): void;
  /** Number of submissions that are not yet accepted or refused. */
  readonly undecided: number;
}

/** Wraps the worker's registry, so that each job is seen at the moment of its acceptance. */
export function createClients(world: World): Clients {
  const { random, clock, worker, rules, limits, contextSize, witnesses, visitors, note, count, fault } = world;
  const { dispatcher, registry } = worker;
  /** The request of every submission, by its trace. */
  const requests = new Map<string, GenerateRequest>();
  let submissions = 0;
  let undecided = 0;
  const { add } = registry;
  registry.add = (job) => {
    add(job);
    accept(job);
  };

  function submit(): void {
    const request = randomRequest(random, contextSize);
    const client = random.pick(["alice", "alice", "bob"]);
    const direct = random.chance(0.4);
    const trace = `t${(submissions += 1)}`;
    note(`submit ${trace} ${client} ${direct ? "direct " : ""}${shortOf(request)}`);
    undecided += 1;
    requests.set(trace, request);
    const retriable = random.chance(0.3);
    const spec = generateSpecOf(request, { client, trace, model: "waggle-fake", direct });
    void dispatcher.submit({ ...spec, when: { ...spec.when, retriable } }).then(
      (job) => {
        undecided -= 1;
        const witness = witnesses.find((each) => each.job === job);
        if (witness === undefined) fault(`${trace} was accepted and is not registered`);
        else if (direct) attach(witness, -1).setEager();
      },
      (thrown: unknown) => {
        undecided -= 1;
        refuse(trace, thrown, request);
      },
    );
  }

  function accept(job: Job): void {
    const { trace } = job.spec.who;
    const request = requests.get(trace);
    if (request === undefined) throw new Error(`${trace} was never submitted`);
    if (world.refusing) fault(`${trace} was accepted though the worker refuses`);
    const witness = createWitness(job, request, witnesses.length + 1, fault);
    witnesses.push(witness);
    note(`accepted ${trace} as ${nameOf(witness)}`);
    if (isRefusedByModel(request, contextSize)) witness.reasons.add("invalid_argument");
    rules.watch(witness);
  }

  function refuse(trace: string, thrown: unknown, request: GenerateRequest): void {
    const error = thrown instanceof WaggleError ? thrown : undefined;
    const code = error?.code ?? "internal";
    note(`refused ${trace}: ${code}`);
    count(`refused ${code}`);
    const fits: Partial<Record<typeof code, boolean>> = {
      invalid_argument: isRefusedByModel(request, contextSize),
      conflict: request.job_id !== undefined,
      unavailable: world.refusing,
      resource_exhausted: isRetryAfter(error?.retryAfterS),
      deadline_exceeded: Number(error?.details?.["estimate_ms"]) > (request.deadline_ms ?? Infinity),
    };
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
    if (outcome === undefined) {
      reasons.add("client");
      count(`cancel in ${placeOf(job)}`);
    }
    dispatcher.cancel(job, "client");
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
      note(`cancel ${nameOf(witness)}`);
      cancelWitness(witness);
    },
    cancelSession() {
      const job = dispatcher.sessionJob(random.pick(["alice", "bob"]), random.pick(["s1", "s2"]));
      const witness = witnesses.find((each) => each.job === job);
      if (witness === undefined) return;
      note(`cancel the session of ${nameOf(witness)}`);
      cancelWitness(witness);
    },
    get undecided() {
      return undecided;
    },
  };
}

function isRetryAfter(seconds: number | undefined): boolean {
  return seconds !== undefined && Number.isInteger(seconds) && seconds >= 1 && seconds <= 60;
}

/** The fields that differ between requests, for the history. */
function shortOf(request: GenerateRequest): string {
  const { prompt, max_tokens, stop, session_id, priority, deadline_ms, on_disconnect, job_id, grammar } = request;
  return JSON.stringify({
    prompt,
    max_tokens,
    stop,
    session_id,
    priority,
    deadline_ms,
    on_disconnect,
    job_id,
    grammar,
  });
}
