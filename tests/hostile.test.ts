// What a hostile client may try, against a spawned worker with the embedded model and an honest stream at the same time. Each attack is a separate
// case with the same budgets: an answer in time, no pause for others, bounded memory, the same processes, idle slots, and it serves.
// A short run takes a sample of the values of each field; a long one takes all, and lets sixteen attackers loose for half an hour.
import { deadlineSignal, withTimeout } from "@waggle/async";
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import {
  createLeftoverCheck,
  createProcessGroups,
  endLeftovers,
  isOver,
  killProcess,
  messageOf,
  poll,
  scaled,
} from "@waggle/testing/harness";
import { allWorkerRoutes, type Health } from "@waggle/protocol";
import {
  ask,
  brokenBodies,
  fieldAttacks,
  grammarRequests,
  hostileGrammars,
  hostileSchemas,
  hostileStrings,
  schemaRequests,
  storms,
  wrongMethods,
  type Attack,
  type HostileAnswer,
  type HostileRequest,
} from "@waggle/testing/hostile";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { runHostile } from "./hostile/run.ts";
import { hostileFailures } from "./hostile/verdict.ts";
import { killDaemons, spawnModelWorker } from "./support/daemon.ts";
import { howToRepeat, isLong, limitMs, say, seed } from "./support/long.ts";
import { answerProblems } from "./support/verdict.ts";
import { forgetPeak, mainThreadMs, peakMib, watchWorker, type Watch } from "./support/watch.ts";

/** From the sending of a request to the headers of its refusal. */
const refusalMs = 2_000;
/** What one request may take of the thread that serves everybody. */
const mainThreadBudgetMs = 500;
/** Longest pause of an honest stream, and longest silence of /livez, during any attack. */
const stallBudgetMs = 500;
/** The worker holds some 150 MiB when idle, run from source, and the engine 100. */
const peakBudgetMib = 640;
/** After an attack: whatever was asked has ended, or was given up. */
const settleMs = 5_000;
/** For a request that no attack may push aside. */
const firstTokenMs = 5_000;
/** One request, and one round of a storm, is over by then whatever it is. */
const answerMs = 10_000;
const roundMs = 20_000;
/** A whole case, however broken the worker is. Where the machine is slow, all of these budgets grow with it. */
const caseMs = 60_000;
/** Longer than the embedded model was trained for, so that what grows with the context does. */
const usualFlags = ["--slots", "4", "--context-size", "2048"];

/** Which of the large values a field gets, and which of the broken bodies a route: one of so many. */
const brokenShare = 5;
/** Of the run with sixteen attackers, and of the one before it with sixteen well-behaved clients. */
const crowdMinutes = Number(process.env["WAGGLE_HOSTILE_MINUTES"] ?? 30);
const routes = allWorkerRoutes;
/** What two routes read by one schema is attacked in all its fields at the first of them, and as a whole at both. */
const fields = fieldAttacks(routes).filter(
  ({ name, field }) => field === "(body)" || !name.startsWith("POST /v1/inference "),
);

interface Subject {
  readonly worker: Awaited<ReturnType<typeof spawnModelWorker>>;
  readonly enginePid: number;
  readonly watch: Watch;
}

let subject: Subject | undefined;
let flags: readonly string[] = usualFlags;

/** The worker of the case before, unless that has broken it: one broken case must not colour the next. */
async function sound(): Promise<Subject> {
  if (subject !== undefined) return subject;
  const brevity = [
    "--replay-window",
    "500ms",
    "--answer-window",
    "500ms",
    "--unclaimed-timeout",
    "1s",
    "--retry-grace",
    "1s",
  ];
  // Not every request can say how long its answer may become, and a long one takes its time for any client.
  brevity.push("--default-max-tokens", "64");
  const daemon = await spawnModelWorker([...flags, ...brevity]);
  // An honest request may wait for as long as any other.
  const client = createWorkerClient({ baseUrl: daemon.url, requestTimeoutMs: scaled(answerMs) });
  const worker = { ...daemon, client };
  const { engine_pid: enginePid = 0 } = await worker.line("ready");
  const watch = watchWorker(worker.client, worker.url, worker.pid, enginePid);
  subject = { worker, enginePid, watch };
  await poll("the first token of the honest stream", () => watch.tokens > 0);
  return subject;
}

async function dispose(): Promise<void> {
  const old = subject;
  subject = undefined;
  if (old !== undefined) end(old);
  await old?.watch.stop();
  await killDaemons();
}

/** At once: an engine that computes does not hear that its worker has gone. */
function end({ worker, enginePid }: Subject): void {
  for (const pid of [worker.pid, enginePid]) killProcess(pid);
}

/** Ends a worker that has broken its budgets so far that the machine suffers; each wait for it fails with that reason. */
function guard(guarded: Subject, problems: string[]): Disposable {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const mib = Math.max(peakMib(guarded.worker.pid), peakMib(guarded.enginePid));
    const tooLong = isOver(performance.now() - startedAt, caseMs);
    if (mib < peakBudgetMib * 3 && !tooLong) return;
    clearInterval(timer);
    problems.push(tooLong ? `was not over within ${caseMs} ms` : `was ended when it held ${Math.round(mib)} MiB`);
    end(guarded);
  }, 100);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

afterAll(dispose);

type Run = (subject: Subject, problems: string[]) => Promise<void>;

/** What the attack broke. A pause that was the machine's does not come again; one that was ours does. */
async function broken(attack: Run): Promise<string[]> {
  const problems = await brokenOnce(attack);
  const pausesOnly = problems.length > 0 && problems.every((problem) => problem.startsWith(pause));
  return pausesOnly ? await brokenOnce(attack) : problems;
}

const pause = "a pause: ";

/** Runs the attack and collects what it broke: of its answers, and of the budgets. */
async function brokenOnce(attack: Run): Promise<string[]> {
  const { worker, enginePid, watch } = await sound();
  const problems: string[] = [];
  using _ = guard({ worker, enginePid, watch }, problems);
  for (const pid of [worker.pid, enginePid]) forgetPeak(pid);
  watch.takeStalls();
  const problemsBefore = watch.problems.length;
  try {
    await attack({ worker, enginePid, watch }, problems);
  } catch (error) {
    problems.push(messageOf(error));
  }
  try {
    const health = await settled(worker.client);
    if (health.engine.deaths > 0) problems.push(`${health.engine.deaths} engine deaths`);
    if (!health.ready) problems.push(`not ready: ${health.reason ?? health.state}`);
  } catch (error) {
    problems.push(`not as it was: ${messageOf(error)}`);
  }
  const { streamMs, livezMs } = watch.takeStalls();
  if (isOver(streamMs, stallBudgetMs)) problems.push(`${pause}an honest stream waited ${Math.round(streamMs)} ms`);
  if (isOver(livezMs, stallBudgetMs)) problems.push(`${pause}/livez took ${Math.round(livezMs)} ms`);
  for (const [what, pid] of [["worker", worker.pid] as const, ["engine", enginePid] as const]) {
    const mib = peakMib(pid);
    if (mib > peakBudgetMib) problems.push(`the ${what} held ${Math.round(mib)} MiB`);
  }
  problems.push(...watch.problems.slice(problemsBefore));
  if (problems.length > 0) await dispose();
  return problems;
}

/** Waits until no job of the attack runs or waits; the honest stream continues. */
async function settled(client: WorkerClient): Promise<Health> {
  let last: Health | undefined;
  await poll(
    "all jobs of the attack to end",
    async () => {
      const slots = await client.slots();
      const left = slots.flatMap(({ job_id: job = "" }) => (job === "" || job.startsWith("honest-") ? [] : [job]));
      const health = await client.health();
      expect({ left, queued: health.queue.depth }).toEqual({ left: [], queued: 0 });
      last = health;
      return true;
    },
    scaled(settleMs),
  );
  if (last === undefined) throw new Error("The health was never read");
  return last;
}

async function judge(request: HostileRequest, { worker, watch }: Subject): Promise<string[]> {
  const askedAt = performance.now();
  const answer = await ask(worker.url, request, { timeoutMs: scaled(answerMs) });
  return judged(request, answer, Math.min(answer.headersMs, watch.workedMs(askedAt)));
}

/** One after the other, each with what it took of the main thread. */
async function judgeEach(requests: readonly HostileRequest[], subject: Subject, problems: string[]): Promise<void> {
  for (const request of requests) {
    const before = mainThreadMs(subject.worker.pid);
    try {
      problems.push(...(await judge(request, subject)));
    } catch (error) {
      problems.push(messageOf(error), ...(await whereItHangs(subject)));
      // What does not answer once is not asked a hundred times.
      return;
    }
    const tookMs = mainThreadMs(subject.worker.pid) - before;
    if (isOver(tookMs, mainThreadBudgetMs)) problems.push(`${request.name}: took ${tookMs} ms of the main thread`);
  }
}

/** What the worker does at that moment, and its last log lines: a hang is rare, and seen once only. */
async function whereItHangs({ worker }: Subject): Promise<string[]> {
  const slots = await worker.client.slots().catch(String);
  return [
    `slots: ${JSON.stringify(slots)}`,
    ...worker.log.lines.slice(-8).map((line) => `log: ${JSON.stringify(line)}`),
  ];
}

function judged(request: HostileRequest, answer: HostileAnswer, tookMs: number): string[] {
  const late = answer.status >= 400 && isOver(tookMs, refusalMs);
  return [
    ...answerProblems(request, answer).map((problem) => `${request.name}: ${problem}`),
    ...(late ? [`${request.name}: refused after ${Math.round(tookMs)} ms`] : []),
  ];
}

async function honestFirstTokenMs({ worker }: Subject): Promise<number> {
  const askedAt = performance.now();
  for await (const event of worker.client.inference({
    prompt: "still there?",
    max_tokens: 5,
    priority: 10,
    ignore_eos: true,
  })) {
    if (event.type === "token") return performance.now() - askedAt;
  }
  throw new Error("An honest request got no token");
}

/** For every second field one of all that is large for it, others in each run: its neighbours get the others. In a long run all, by field. */
function largeRequests(): Map<string, readonly HostileRequest[]> {
  if (isLong) return new Map(fields.map(({ name, large }) => [name, large]));
  const byRoute = new Map<string, HostileRequest[]>();
  for (const [index, { name, large }] of fields.entries()) {
    const at = seed + index;
    const request = at % 2 === 0 ? large[(at / 2) % large.length] : undefined;
    if (request === undefined) continue;
    // "POST /v1/jobs stop[]"
    const route = name.split(" ", 2).join(" ");
    byRoute.set(route, [...(byRoute.get(route) ?? []), request]);
  }
  return byRoute;
}

/** As `%s` shows them: `$name` cuts long names short. */
function named<T extends { readonly name: string }>(cases: readonly T[]): [string, T][] {
  return cases.map((one) => [one.name, one]);
}

function numbered<T extends { readonly name: string }>(cases: readonly T[]): [string, number, T][] {
  return cases.map((one, index) => [one.name, index, one]);
}

/** Of the ways in which it gets in, another one in each run; in a long run all. */
function sampled(requests: readonly HostileRequest[], index: number): readonly HostileRequest[] {
  return isLong ? requests : requests.filter((_, way) => way === (seed + index) % requests.length);
}

function stormOf(what: string): Attack {
  const found = storms.find(({ name }) => name.startsWith(what));
  if (found === undefined) throw new Error(`There is no storm of ${what}`);
  return found;
}

describe("each field, deep or in megabytes", () => {
  it.each([...largeRequests()])("%s", async (_, requests) => {
    expect(await broken((subject, problems) => judgeEach(requests, subject, problems)), howToRepeat).toEqual([]);
  });
  it.each(isLong ? [...Array(brokenShare).keys()] : [0])("bodies that are wrong as a whole, part %i", async (part) => {
    const sample = brokenBodies(routes).filter((_, index) => (seed + part + index) % brokenShare === 0);
    expect(await broken((subject, problems) => judgeEach(sample, subject, problems)), howToRepeat).toEqual([]);
  });
});

describe("each field, with all that is small and wrong", () => {
  const at = 20;
  const runs = isLong ? 500 : 20;
  it(
    `${at * runs} requests, whichever field, and whatever else is in it`,
    async () => {
      const request = fc.oneof(
        fc.constantFrom(...fields.flatMap(({ small }) => small)),
        fc.constantFrom(...wrongMethods(routes)),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(request, { minLength: at, maxLength: at }), async (requests) => {
          const problems = await broken(async (subject, found) => {
            await Promise.all(requests.map(async (one) => found.push(...(await judge(one, subject)))));
          });
          expect(problems).toEqual([]);
        }),
        { numRuns: runs, endOnFailure: true },
      );
    },
    limitMs,
  );
});

describe("grammars", () => {
  it.each(numbered(hostileGrammars))("%s", async (_, index, { grammar }) => {
    const request = sampled(grammarRequests(grammar), index);
    expect(await broken((subject, problems) => judgeEach(request, subject, problems))).toEqual([]);
  });
});

describe("schemas", () => {
  it.each(numbered(hostileSchemas))("%s", async (_, index, schema) => {
    const request = sampled(schemaRequests(schema), index);
    expect(await broken((subject, problems) => judgeEach(request, subject, problems))).toEqual([]);
  });

  it.each(named(hostileSchemas.filter(({ exactly }) => exactly !== undefined)))(
    "%s: refused, or kept",
    async (_, schema) => {
      const { worker } = await sound();
      const answer = await fetch(`${worker.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: schemaRequests(schema)[1]?.body?.() ?? "",
      });
      const { choices } = (await answer.json()) as { choices?: { message: { content: string } }[] };
      expect([undefined, schema.exactly]).toContain(choices?.[0]?.message.content);
    },
  );
});

describe("storms", () => {
  it.each(named(storms))("%s", async (_, { run }) => {
    const problems = await broken(async ({ worker }, found) => {
      const answered = (request: HostileRequest, answer: HostileAnswer): void => {
        found.push(...answerProblems(request, answer).map((problem) => `${request.name}: ${problem}`));
      };
      using deadline = deadlineSignal(scaled(roundMs));
      const { signal } = deadline;
      await run({ url: worker.url, signal, answered }, 0);
      if (signal.aborted) found.push("a round was not over in time");
    });
    expect(problems).toEqual([]);
  });

  it("sessions that supersede themselves in every slot leave the next one to who comes first in the queue", async () => {
    const problems = await broken(async (subject, found) => {
      const over = new AbortController();
      const supersede = stormOf("sessions");
      const target = { url: subject.worker.url, signal: over.signal };
      // One of them holds four sessions, which is all slots; more would keep this process too busy to see anything.
      const attacker = (async () => {
        for (let round = 0; !over.signal.aborted; round += 1) await supersede.run(target, round);
      })();
      const first = await withTimeout(honestFirstTokenMs(subject), scaled(firstTokenMs * 2), "").catch(() => Infinity);
      over.abort();
      await attacker;
      if (isOver(first, firstTokenMs))
        found.push(`an honest request waited ${Math.round(first)} ms for its first token`);
    });
    expect(problems).toEqual([]);
  });

  it("100 bodies of 4 MiB that stay unfinished, at once", async () => {
    const unfinished = stormOf("bodies");
    const problems = await broken(async ({ worker }) => {
      using deadline = deadlineSignal(scaled(roundMs));
      const target = { url: worker.url, signal: deadline.signal };
      // Twenty connections each, a third of them full of megabytes.
      await Promise.all(Array.from({ length: 15 }, (_, round) => unfinished.run(target, round)));
    });
    expect(problems).toEqual([]);
  });
});

describe("embeddings", () => {
  it("as long as a context of 8,192 tokens leave the streams alone", async () => {
    await dispose();
    flags = ["--slots", "4", "--context-size", "8192"];
    const problems = await broken(async ({ worker }, found) => {
      const input = Array.from({ length: 2 }, (_, index) => `${index} ${"the dog sat. ".repeat(1_900)}`);
      const body = (): string => JSON.stringify({ input });
      const request = { name: "2 long embeddings", method: "POST", path: "/v1/embeddings", body };
      found.push(...answerProblems(request, await ask(worker.url, request, { timeoutMs: 60_000 })));
    });
    flags = usualFlags;
    await dispose();
    expect(problems).toEqual([]);
  });
});

describe("names", () => {
  it.each(named(hostileStrings.map((id) => ({ id, name: `${JSON.stringify(id).slice(0, 30)} (${id.length})` }))))(
    "job_id %s is refused, or leads to its stream",
    async (_, { id }) => {
      const { worker } = await sound();
      const answer = await fetch(`${worker.url}/v1/jobs`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ prompt: "Hi", max_tokens: 2, job_id: id }),
      });
      const { sse_url: path } = (await answer.json()) as { sse_url?: string };
      if (answer.status === 400) return;
      expect(answer.status).toBe(202);
      const stream = await fetch(new URL(path ?? "", worker.url));
      expect(stream.status, path).toBe(200);
      expect(await stream.text()).toContain("event: end");
    },
  );
});

describe.runIf(isLong)("sixteen attackers, each trying one attack after the other", () => {
  it(
    "leave honest streams as whole, real and steady as sixteen well-behaved clients do",
    { timeout: limitMs },
    async ({ signal }) => {
      await dispose();
      const groups = createProcessGroups("hostile");
      const leftovers = createLeftoverCheck();
      const shared = { groups, leftovers, seed, minutes: crowdMinutes, progress: say, interrupted: signal };
      try {
        const control = await runHostile({ ...shared, kind: "control" });
        const hostile = await runHostile({ ...shared, kind: "hostile" });
        for (const { failures: _, ...figures } of [control, hostile]) say(JSON.stringify(figures, null, 2));
        expect(hostileFailures(control, hostile), howToRepeat).toEqual([]);
      } finally {
        groups.killAll();
      }
      expect(endLeftovers(await leftovers.check())).toEqual([]);
    },
  );
});

describe("in the end", () => {
  it("the worker is as it was: no death, nothing of ours in the log, and it serves", async () => {
    const subject = await sound();
    expect(isOver(await honestFirstTokenMs(subject), firstTokenMs)).toBe(false);
    expect(await subject.worker.client.health()).toMatchObject({ ready: true, engine: { starts: 1, deaths: 0 } });
    expect(subject.watch.problems).toEqual([]);
    const bad = subject.worker.log.lines.filter(({ level }) => level === "error" || level === "fatal");
    expect(bad).toEqual([]);
  });
});
