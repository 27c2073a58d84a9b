// Tests when models load and leave.
import { deferred } from "@waggle/async";
import type { LoadPlan } from "./pool.ts";
import type { Job } from "@waggle/jobs";
import { expect, test } from "vitest";
import {
  actor,
  ask,
  clock,
  createTestPool,
  loadNow,
  logLines,
  memoryOf,
  mib,
  pool,
  run,
  settle,
  unloads,
} from "../../testing/test-pool.ts";

test("a model that fits loads at once; the next model waits until the least recently used model has left", async () => {
  const { a, b, c } = createTestPool(2);
  await loadNow(a, b);
  clock.advance(10);
  pool.loadNow(a.host);
  expect([a.state(), b.state()]).toEqual(["ready", "ready"]);
  ask(c);
  expect([a.state(), b.state(), c.state()]).toEqual(["ready", "unloading", "waiting"]);
  await b.left();
  expect([b.state(), c.state()]).toEqual(["unloaded", "loading"]);
  expect(unloads).toEqual(["b memory"]);
  expect(logLines).toEqual([
    expect.objectContaining({ msg: "model_unload", model: "b", reason: "memory", for: "c", jobs: 0, waiting: 0 }),
  ]);
});

test("models load in the order of their requests, even if a later model would fit already", async () => {
  createTestPool(4, 300 * mib);
  const [first, big, small] = [actor("first", 200), actor("big", 200), actor("small", 50)] as const;
  await run(first);
  ask(big);
  ask(small);
  await settle();
  expect([first.state(), big.state(), small.state()]).toEqual(["ready", "waiting", "waiting"]);
  first.idle();
  expect(first.state()).toBe("unloading");
  await first.left();
  expect([big.state(), small.state()]).toEqual(["loading", "loading"]);
});

test("a model whose file must be found is queued when the file is found", async () => {
  createTestPool(1);
  const [slow, quick] = [actor("slow"), actor("quick")] as const;
  const found = deferred<LoadPlan>();
  slow.plan = () => found.promise;
  ask(slow);
  ask(quick);
  expect([slow.state(), quick.state()]).toEqual(["waiting", "loading"]);
  quick.loaded();
  quick.idle();
  found.resolve({ memory: undefined });
  await settle();
  await quick.left();
  expect(slow.state()).toBe("loading");
});

test("a busy model is unloaded for another model only after its minimum time", async () => {
  const { a, b } = createTestPool(1);
  await run(a);
  ask(b);
  clock.advance(4_999);
  expect([a.state(), b.state()]).toEqual(["ready", "waiting"]);
  clock.advance(1);
  expect([a.state(), b.state()]).toEqual(["unloading", "waiting"]);
  await a.left();
  // The jobs of model a still wait, so model a is in the queue behind model b.
  expect([a.state(), b.state()]).toEqual(["waiting", "loading"]);
  b.loaded();
  b.idle();
  await settle();
  await b.left();
  expect([a.state(), b.state(), a.loads()]).toEqual(["loading", "unloaded", 2]);
});

test("a pinned model stays, and a model that does not fit next to it fails with the reason", async () => {
  const { a, b } = createTestPool(2, 250 * mib);
  b.plan = () => ({ memory: memoryOf(200) });
  a.pinned = true;
  a.keepAliveMs = 10;
  await loadNow(a);
  clock.advance(1_000_000);
  ask(b);
  expect([a.state(), b.state()]).toEqual(["ready", "failed"]);
  expect(b.failure()).toMatch(/^Cannot load model b: it takes 200 MiB, and pinned models hold 100 MiB/);
});

test.each<[name: string, usual: number, job: number | undefined, staysMs: number]>([
  ["as configured", 60_000, undefined, 60_000],
  ["for ever", Infinity, undefined, Infinity],
  ["not at all", 0, undefined, 0],
  ["as long as its last job asked", 60_000, 5_000, 5_000],
  ["for ever, as its last job asked", 60_000, Infinity, Infinity],
  ["not at all, as its last job asked", Infinity, 0, 0],
])("a model stays without jobs %s", async (_, usual, job, staysMs) => {
  const { a } = createTestPool(2);
  a.keepAliveMs = usual;
  ask(a);
  a.loaded();
  clock.advance(1_000_000);
  expect(pool.expiresAt(a.host), "while it has a job").toBeUndefined();
  a.idle(job);
  if (staysMs === Infinity) {
    expect([pool.expiresAt(a.host), clock.pending]).toEqual([undefined, 0]);
    return;
  }
  expect(pool.expiresAt(a.host)).toBe(clock.now() + staysMs);
  if (staysMs > 0) clock.advance(staysMs - 1);
  expect(a.state()).toBe("ready");
  clock.advance(staysMs > 0 ? 1 : 0);
  expect([a.state(), pool.expiresAt(a.host)]).toEqual(["unloading", undefined]);
  await a.left();
  expect([a.state(), unloads]).toEqual(["unloaded", ["a idle"]]);
});

test("each request and each running job extends the time of a model", async () => {
  const { a } = createTestPool(2);
  a.keepAliveMs = 1_000;
  await loadNow(a);
  clock.advance(900);
  pool.loadNow(a.host);
  clock.advance(900);
  ask(a);
  clock.advance(100_000);
  expect(a.state()).toBe("ready");
  a.idle();
  pool.keep(a.host, 50);
  clock.advance(50);
  expect(a.state()).toBe("unloading");
});

test("a job that is being accepted keeps the model loaded, and a refused job does not", async () => {
  const { a, b } = createTestPool(2);
  a.keepAliveMs = 0;
  ask(a);
  a.loaded();
  const coming = pool.use(a.host);
  a.idle();
  clock.advance(10_000);
  expect([a.state(), clock.pending]).toEqual(["ready", 0]);
  coming.end();
  clock.advance(0);
  expect(a.state()).toBe("unloading");
  const refused = pool.use(b.host);
  b.loaded();
  await settle();
  refused.end();
  expect(b.state()).toBe("ready");
});

test("a keep-alive in one job's request does not apply to the next job", async () => {
  const { a } = createTestPool(2);
  a.keepAliveMs = 1_000;
  ask(a);
  a.loaded();
  a.idle(Infinity);
  ask(a);
  a.idle();
  expect(pool.expiresAt(a.host)).toBe(1_000);
});

test("a waiting model leaves the queue when its jobs are cancelled", async () => {
  const { a, b, c } = createTestPool(1);
  await run(a);
  ask(b);
  ask(c);
  b.idle();
  expect([b.state(), c.state()]).toEqual(["unloaded", "waiting"]);
  a.idle();
  await a.left();
  expect([b.loads(), c.state()]).toEqual([0, "loading"]);
});

test("a lease that ends twice ends once", async () => {
  const { a, b } = createTestPool(1);
  await run(a);
  const [once, other] = [pool.use(b.host), pool.use(b.host)];
  once.end();
  once.end();
  expect(b.state()).toBe("waiting");
  other.end();
  expect(b.state()).toBe("unloaded");
});

test("a model that was requested by name keeps waiting when its jobs are cancelled", async () => {
  const { a, b } = createTestPool(1);
  await run(a);
  pool.loadNow(b.host);
  ask(b);
  b.idle();
  expect(b.state()).toBe("waiting");
  a.idle();
  await a.left();
  expect(b.state()).toBe("loading");
});

test("a model whose jobs end before its file is found does not load", async () => {
  const { a } = createTestPool(1);
  const found = deferred<LoadPlan>();
  a.plan = () => found.promise;
  ask(a);
  a.idle();
  found.resolve({ memory: undefined });
  await settle();
  expect([a.state(), a.loads()]).toEqual(["unloaded", 0]);
});

test("a failed load is tried again after half a minute, and at once for a request by name", async () => {
  const { a } = createTestPool(1);
  let tries = 0;
  a.plan = () => {
    tries += 1;
    return tries === 2 ? Promise.reject(new Error("no such file")) : Promise.resolve({ memory: memoryOf(1) });
  };
  ask(a);
  await settle();
  a.host.fail("broken");
  a.idle();
  clock.advance(29_999);
  pool.use(a.host);
  expect([a.state(), tries]).toEqual(["failed", 1]);
  pool.loadNow(a.host);
  await settle();
  expect([a.state(), a.failure(), tries]).toEqual(["failed", "no such file", 2]);
  clock.advance(29_999);
  pool.use(a.host);
  expect(tries).toBe(2);
  clock.advance(1);
  ask(a);
  await settle();
  expect([a.state(), tries]).toEqual(["loading", 3]);
});

test("a failed load is not tried again for a query either, until half a minute is over", async () => {
  const { a } = createTestPool(1);
  ask(a);
  a.host.fail("broken");
  a.idle();
  clock.advance(29_999);
  pool.load(a.host);
  expect([a.state(), a.loads(), pool.isWanted(a.host)]).toEqual(["failed", 1, false]);
  clock.advance(1);
  pool.load(a.host);
  await settle();
  expect([a.state(), a.loads(), pool.isWanted(a.host)]).toEqual(["loading", 2, true]);
});

test("after a model has failed, the next model in the queue loads", async () => {
  const { a, b } = createTestPool(1);
  ask(a);
  ask(b);
  a.host.fail("broken");
  await settle();
  expect([a.state(), b.state()]).toEqual(["failed", "loading"]);
});

test("a model that is unloaded with waiting jobs loads again, after the work between the two loads", async () => {
  const { a } = createTestPool(1);
  await run(a);
  let sizeMib = 100;
  a.plan = () => ({ memory: memoryOf(sizeMib) });
  const over = pool.unload(a.host, "replaced", () => (sizeMib = 7));
  await a.left();
  await over;
  expect([a.state(), a.loads(), pool.memoryOf(a.host)?.total, unloads]).toEqual([
    "loading",
    2,
    7 * mib,
    ["a replaced"],
  ]);
  a.loaded();
  a.idle();
  const again = pool.unload(a.host, "asked");
  await a.left();
  await again;
  expect([a.state(), a.loads()]).toEqual(["unloaded", 2]);
});

test("a model that gets a job or a request while it is unloaded loads again", async () => {
  const { a, b } = createTestPool(2);
  await loadNow(a, b);
  const lease = pool.use(a.host);
  const both = [pool.unload(a.host, "asked"), pool.unload(b.host, "asked")];
  pool.loadNow(b.host);
  await a.left();
  await b.left();
  await Promise.all(both);
  expect([a.state(), b.state()]).toEqual(["loading", "loading"]);
  lease.end();
});

test("work between two loads is done before the second load, whatever the reason for unloading", async () => {
  const { a } = createTestPool(1);
  await loadNow(a);
  ask(a);
  let file = "old";
  const loaded: string[] = [];
  a.plan = () => {
    loaded.push(file);
    return { memory: undefined };
  };
  const first = pool.unload(a.host, "memory");
  const second = pool.unload(a.host, "replaced", () => (file = "new"));
  await a.left();
  await Promise.all([first, second]);
  expect([a.state(), loaded]).toEqual(["loading", ["new"]]);
});

test("a file that is replaced while it is prepared does not load", async () => {
  const { a } = createTestPool(1);
  const old = deferred<LoadPlan>();
  a.plan = () => old.promise;
  ask(a);
  a.plan = () => ({ memory: memoryOf(7) });
  await pool.unload(a.host, "replaced", () => {});
  expect([a.state(), a.loads(), pool.memoryOf(a.host)?.total]).toEqual(["loading", 1, 7 * mib]);
  old.reject(new Error("no such file"));
  await settle();
  expect([a.state(), a.failure()]).toEqual(["loading", undefined]);
});

test("the pool reports the used memory, and whether more would fit", async () => {
  const { a, b } = createTestPool(3, 300 * mib);
  await loadNow(a, b);
  expect(pool.usedBytes).toBe(200 * mib);
  const why = "it takes 201 MiB, and models that stay hold 100 MiB of a budget of 300 MiB";
  expect([pool.shortage(300 * mib, []), pool.shortage(201 * mib, [a.host])]).toEqual([undefined, why]);
  b.pinned = true;
  const both = "it takes 101 MiB, and models that stay hold 200 MiB of a budget of 300 MiB";
  expect([pool.shortage(200 * mib, []), pool.shortage(101 * mib, [a.host])]).toEqual([undefined, both]);
  Object.assign(a.host, { readings: { rssBytes: 150 * mib } });
  expect(pool.usedBytes, "what it takes in fact, where that is more").toBe(250 * mib);
});

test("a removed model does not load again, and other models get its memory", async () => {
  const { a, b } = createTestPool(1);
  await loadNow(a);
  const over = pool.remove(a.host, "removed");
  ask(b);
  const late = pool.use(a.host);
  expect([b.state(), pool.isWanted(a.host)]).toEqual(["waiting", false]);
  await a.left();
  await over;
  late.end();
  expect([a.state(), a.loads(), b.state()]).toEqual(["unloaded", 1, "loading"]);
});

test("a model leaves for another one while its job runs tool calls, and is not removed before the job's end", async () => {
  const { a, b } = createTestPool(1);
  const lease = pool.use(a.host);
  a.loaded();
  await settle();
  lease.pause();
  ask(b);
  await settle();
  expect(a.state()).toBe("unloading");
  void pool.remove(a.host, "removed");
  lease.resume();
  await settle();
  expect(pool.isWanted(a.host)).toBe(true);
});

test("a model stays while its job runs tool calls and no other model needs the memory", async () => {
  const { a } = createTestPool(2);
  const first = pool.use(a.host);
  a.loaded();
  await settle();
  first.end({ spec: { when: { keepAliveMs: 0 } } } as unknown as Job);
  pool.use(a.host).pause();
  clock.advance(1);
  await settle();
  expect(a.state()).toBe("ready");
});

test("a model is removed when its last job has ended, and is not pinned until then", async () => {
  const { a, b } = createTestPool(1);
  a.pinned = true;
  await run(a);
  const over = pool.remove(a.host, "replaced");
  await settle();
  expect(a.state()).toBe("ready");
  ask(b);
  expect([a.state(), b.state()]).toEqual(["ready", "waiting"]);
  a.idle();
  await settle();
  expect(a.state()).toBe("unloading");
  await a.left();
  await over;
  expect(b.state()).toBe("loading");
});

test("a closed pool loads no model and leaves no timer", async () => {
  const { a, b, c } = createTestPool(2);
  a.keepAliveMs = 1_000;
  await loadNow(a);
  ask(b);
  b.loaded();
  await settle();
  ask(a);
  ask(c);
  expect(clock.pending, "it looks again when one may leave").toBe(1);
  pool.close();
  expect(clock.pending).toBe(0);
  a.idle();
  await settle();
  pool.loadNow(c.host);
  expect([c.state(), c.loads(), clock.pending]).toEqual(["waiting", 0, 0]);
});

test("a failed unload is logged, and the pool serves the other models", async () => {
  const { a, b } = createTestPool(2);
  a.keepAliveMs = 1_000;
  a.host.unload = () => Promise.reject(new Error("the folder is gone"));
  pool.loadNow(a.host);
  a.loaded();
  clock.advance(1_000);
  await settle();
  expect(logLines).toContainEqual(expect.objectContaining({ msg: "model_change_failed", model: "a" }));
  pool.loadNow(b.host);
  b.loaded();
  expect(b.state()).toBe("ready");
});
