// Tests attacks of hostile clients on a worker with the embedded model, which serves an honest stream at the same time. Each attack is a separate
// case with the same limits: it is answered in time, pauses no other stream, keeps memory bounded, kills no process, and leaves all slots idle.
// A short run tests a sample of values for each field. A long run tests all values, and then sixteen attackers at once for half an hour.
import { deadlineSignal, withTimeout } from "@waggle/async";
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import {
  createLeftoverCheck,
  createProcessGroups,
  endLeftovers,
  isOver,
  killProcess,
  errorText,
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
import { needs } from "@waggle/testing";
import { afterAll, describe, expect, it } from "vitest";
import { runHostile } from "./hostile/run.ts";
import { hostileFailures } from "./hostile/verdict.ts";
import { killDaemons, spawnModelWorker } from "../support/daemon.ts";
import { howToRepeat, isLong, limitMs, say, seed } from "../support/long.ts";
import { answerProblems } from "../support/verdict.ts";
import { forgetPeak, mainThreadMs, peakMib, watchWorker, type Watch } from "../support/watch.ts";

/** Limit from sending a request to the headers of its refusal. */
const refusalMs = 2_000;
/** Limit of the CPU time that one request takes on the worker's main thread. */
const mainThreadBudgetMs = 500;
/** Longest pause of an honest stream, and longest wait for /livez, during an attack. */
const stallBudgetMs = 500;
/** Limit for each process. When idle and run from source, the worker holds some 150 MiB, and the engine 100. */
const peakBudgetMib = 640;
/** Time limit after an attack for its jobs to end. */
const settleMs = 5_000;
/** Limit of the first token of an honest request during or after an attack. */
const firstTokenMs = 5_000;
/** Time limits of one request, and of one round of a storm. */
const answerMs = 10_000;
const roundMs = 20_000;
/** Time limit of a case. On a slow machine all these limits grow. */
const caseMs = 60_000;
/** The context is longer than the embedded model's, to test costs that grow with the context. */
const usualFlags = ["--slots", "4", "--context-size", "2048"];

/** A short run sends one in this many of the broken bodies. */
const brokenShare = 5;
/** Duration of the run with sixteen attackers, and of the run before it with sixteen well-behaved clients. */
const crowdMinutes = Number(process.env["WAGGLE_HOSTILE_MINUTES"] ?? 30);
const routes = allWorkerRoutes;
/** POST /v1/inference has the same schema as POST /v1/jobs, so only its body as a whole is attacked, and not its fields. */
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

/** Returns the worker of the last case; starts a new one after a case that failed, so that its damage does not affect the next case. */
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
  // Not every request can limit the length of its answer, and long answers would take too long.
  // Searches and downloads must not reach the hub.
  brevity.push("--default-max-tokens", "64", "--offline");
  const daemon = await spawnModelWorker([...flags, ...brevity]);
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

/** Kills both processes: a computing engine does not notice at once that its worker has exited. */
function end({ worker, enginePid }: Subject): void {
  for (const pid of [worker.pid, enginePid]) killProcess(pid);
}

/** Kills a worker that uses three times the allowed memory, or whose case takes too long. Every wait for the worker then fails. */
function guard(guarded: Subject, problems: string[]): Disposable {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const mib = Math.max(peakMib(guarded.worker.pid), peakMib(guarded.enginePid));
    const tooLong = isOver(performance.now() - startedAt, caseMs);
    if (mib < peakBudgetMib * 3 && !tooLong) return;
    clearInterval(timer);
    problems.push(
      tooLong ? `the case took longer than ${caseMs} ms` : `the worker was killed when it held ${Math.round(mib)} MiB`,
    );
    end(guarded);
  }, 100);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

afterAll(dispose);

type Run = (subject: Subject, problems: string[]) => Promise<void>;

/** @returns the limits that the attack broke. An attack that only caused pauses runs again: a pause caused by the machine does not repeat. */
async function broken(attack: Run): Promise<string[]> {
  const problems = await brokenOnce(attack);
  const pausesOnly = problems.length > 0 && problems.every((problem) => problem.startsWith(pause));
  return pausesOnly ? await brokenOnce(attack) : problems;
}

const pause = "a pause: ";

/** @returns problems with the attack's answers, and broken limits */
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
    problems.push(errorText(error));
  }
  try {
    const health = await settled(worker.client);
    if (health.engine.deaths > 0) problems.push(`${health.engine.deaths} engine deaths`);
    if (!health.ready) problems.push(`not ready: ${health.reason ?? health.state}`);
  } catch (error) {
    problems.push(`the jobs did not end: ${errorText(error)}`);
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

/** Waits until no job of the attack runs or waits. The honest stream continues. */
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
  if (last === undefined) throw new Error("The worker's health was not read");
  return last;
}

async function judge(request: HostileRequest, { worker, watch }: Subject): Promise<string[]> {
  const askedAt = performance.now();
  const answer = await ask(worker.url, request, { timeoutMs: scaled(answerMs) });
  return judged(request, answer, Math.min(answer.headersMs, watch.workedMs(askedAt)));
}

/** Sends the requests one after another, and measures the CPU time that each takes on the main thread. */
async function judgeEach(requests: readonly HostileRequest[], subject: Subject, problems: string[]): Promise<void> {
  for (const request of requests) {
    const before = mainThreadMs(subject.worker.pid);
    try {
      problems.push(...(await judge(request, subject)));
    } catch (error) {
      problems.push(errorText(error), ...(await whereItHangs(subject)));
      // After a request without an answer, the others are not sent.
      return;
    }
    const tookMs = mainThreadMs(subject.worker.pid) - before;
    if (isOver(tookMs, mainThreadBudgetMs)) problems.push(`${request.name}: took ${tookMs} ms of the main thread`);
  }
}

/** The worker's slots and its last log lines: a hang is rare, so its failure message must help to find the cause. */
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

/**
 * In a short run one large value for every second field, grouped by route; the seed chooses the fields and values. In a long run all large values,
 * grouped by field.
 */
function largeRequests(): Map<string, readonly HostileRequest[]> {
  if (isLong) return new Map(fields.map(({ name, large }) => [name, large]));
  const byRoute = new Map<string, HostileRequest[]>();
  for (const [index, { name, large }] of fields.entries()) {
    const at = seed + index;
    const request = at % 2 === 0 ? large[(at / 2) % large.length] : undefined;
    if (request === undefined) continue;
    // A name is for example "POST /v1/jobs stop[]".
    const route = name.split(" ", 2).join(" ");
    byRoute.set(route, [...(byRoute.get(route) ?? []), request]);
  }
  return byRoute;
}

/** Cases for titles with `%s`: `$name` shortens long names. */
function named<T extends { readonly name: string }>(cases: readonly T[]): [string, T][] {
  return cases.map((one) => [one.name, one]);
}

function numbered<T extends { readonly name: string }>(cases: readonly T[]): [string, number, T][] {
  return cases.map((one, index) => [one.name, index, one]);
}

/** In a short run one of the requests, chosen by the seed; in a long run all. */
function sampled(requests: readonly HostileRequest[], index: number): readonly HostileRequest[] {
  return isLong ? requests : requests.filter((_, way) => way === (seed + index) % requests.length);
}

function stormOf(what: string): Attack {
  const found = storms.find(({ name }) => name.startsWith(what));
  if (found === undefined) throw new Error(`There is no storm with the name ${what}`);
  return found;
}

describe("each field with deeply nested or large values", () => {
  it.each([...largeRequests()])("%s", async (_, requests) => {
    expect(await broken((subject, problems) => judgeEach(requests, subject, problems)), howToRepeat).toEqual([]);
  });
  it.each(isLong ? [...Array(brokenShare).keys()] : [0])("malformed bodies, part %i", async (part) => {
    const sample = brokenBodies(routes).filter((_, index) => (seed + part + index) % brokenShare === 0);
    expect(await broken((subject, problems) => judgeEach(sample, subject, problems)), howToRepeat).toEqual([]);
  });
});

describe("each field with small invalid values", () => {
  const at = 20;
  const runs = isLong ? 500 : 20;
  it(
    `${at * runs} requests with random fields and methods`,
    async () => {
      // `constantFrom` takes no more values than a call has arguments.
      const oneOf = (requests: readonly HostileRequest[]): fc.Arbitrary<HostileRequest> =>
        fc.nat(requests.length - 1).map((index) => requests[index] as HostileRequest);
      const request = fc.oneof(oneOf(fields.flatMap(({ small }) => small)), oneOf(wrongMethods(routes)));
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
    "%s: the schema is refused, or the answer matches it",
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
      if (signal.aborted) found.push("a round did not end in time");
    });
    expect(problems).toEqual([]);
  });

  it("sessions that supersede their own jobs in every slot do not delay the next job in the queue", async () => {
    const problems = await broken(async (subject, found) => {
      const over = new AbortController();
      const supersede = stormOf("sessions");
      const target = { url: subject.worker.url, signal: over.signal };
      // One attacker has four sessions, which fill all slots. With more attackers, this process would be too busy to measure.
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

  it("100 unfinished bodies of 4 MiB at once", async () => {
    const unfinished = stormOf("bodies");
    const problems = await broken(async ({ worker }) => {
      using deadline = deadlineSignal(scaled(roundMs));
      const target = { url: worker.url, signal: deadline.signal };
      // Each round opens twenty connections, of which a third send megabytes.
      await Promise.all(Array.from({ length: 15 }, (_, round) => unfinished.run(target, round)));
    });
    expect(problems).toEqual([]);
  });
});

describe("embeddings", () => {
  it("of texts as long as a context of 8,192 tokens do not pause the streams", async () => {
    await dispose();
    flags = ["--slots", "4", "--context-size", "8192"];
    const problems = await broken(async ({ worker }, found) => {
      const input = Array.from({ length: 2 }, (_, index) => `${index} ${"the dog sat. ".repeat(1_900)}`);
      const body = (): string => JSON.stringify({ input });
      const request = { name: "2 long embeddings", method: "POST", path: "/v1/embeddings", body };
      found.push(...answerProblems(request, await ask(worker.url, request, { timeoutMs: scaled(caseMs) })));
    });
    flags = usualFlags;
    await dispose();
    expect(problems).toEqual([]);
  });
});

describe("job ids", () => {
  it.each(named(hostileStrings.map((id) => ({ id, name: `${JSON.stringify(id).slice(0, 30)} (${id.length})` }))))(
    "job_id %s is refused, or its stream can be read",
    async (_, { id }) => {
      const { worker } = await sound();
      const submit = async (): Promise<Response> =>
        await fetch(`${worker.url}/v1/jobs`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ prompt: "Hi", max_tokens: 2, job_id: id }),
        });
      let answer = await submit();
      const { sse_url: path } = (await answer.json()) as { sse_url?: string };
      if (answer.status === 400) return;
      expect(answer.status).toBe(202);
      let stream = await fetch(new URL(path ?? "", worker.url));
      // The worker forgets an ended job after half a second, which may pass before a busy machine asks for the stream.
      for (let again = 1; stream.status === 404 && again < 20; again += 1) {
        await stream.body?.cancel();
        answer = await submit();
        expect(answer.status).toBe(202);
        await answer.body?.cancel();
        stream = await fetch(new URL(path ?? "", worker.url));
      }
      expect(stream.status, path).toBe(200);
      expect(await stream.text()).toContain("event: end");
    },
  );
});

describe("sixteen attackers at once", needs("a long run"), () => {
  it(
    "leave honest streams as complete, real and steady as with sixteen well-behaved clients",
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

describe("after all attacks", () => {
  it("the worker serves, no engine has died, and the log has no errors", async () => {
    const subject = await sound();
    expect(isOver(await honestFirstTokenMs(subject), firstTokenMs)).toBe(false);
    expect(await subject.worker.client.health()).toMatchObject({ ready: true, engine: { starts: 1, deaths: 0 } });
    expect(subject.watch.problems).toEqual([]);
    const bad = subject.worker.log.lines.filter(({ level }) => level === "error" || level === "fatal");
    expect(bad).toEqual([]);
  });
});
