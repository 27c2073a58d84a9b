// Tests how lane jobs use models: they keep none, and wait until no request keeps another one.
import { expect, test } from "vitest";
import { ask, clock, createTestPool, loadNow, pool, run, settle } from "../../testing/test-pool.ts";

test("a model for lane jobs waits until no request keeps another one, leaves for the next request, and is passed by all", async () => {
  const { a, b, c } = createTestPool(1);
  a.keepAliveMs = 60_000;
  await run(a);
  ask(b, true);
  a.idle();
  clock.advance(59_999);
  expect([a.state(), b.state()]).toEqual(["ready", "waiting"]);
  clock.advance(1);
  await a.left();
  b.loaded();
  await settle();
  ask(a);
  expect([a.state(), b.state()], "its lane job yields").toEqual(["waiting", "unloading"]);
  await b.left();
  expect([a.state(), b.state()], "its lane job waits again").toEqual(["loading", "waiting"]);
  await run(a);
  ask(c);
  a.idle();
  await a.left();
  expect([b.state(), c.state()]).toEqual(["waiting", "loading"]);
});

test("a request that names a model loads it, although the model waits for lane jobs", async () => {
  const { a, b } = createTestPool(1);
  await run(a);
  a.idle();
  ask(b, true);
  expect([a.state(), b.state()]).toEqual(["ready", "waiting"]);
  pool.load(b.host);
  expect([a.state(), b.state()]).toEqual(["unloading", "waiting"]);
});

test("of models that only lane jobs asked for, one leaves for the other, but not while a job runs tool calls", async () => {
  const { a, b, c } = createTestPool(1);
  ask(a, true);
  a.loaded();
  await settle();
  a.idle();
  ask(b, true);
  clock.advance(5_000);
  expect([a.state(), b.state()]).toEqual(["unloading", "waiting"]);
  await a.left();
  b.loaded();
  await settle();
  ask(b);
  b.keepAliveMs = 0;
  ask(c, true);
  b.jobs[1]?.pause();
  b.jobs[0]?.end(undefined);
  clock.advance(5_000);
  expect([b.state(), c.state()]).toEqual(["ready", "waiting"]);
});

test("a job that runs tool calls leaves the model to other requests at once, although lane jobs need it", async () => {
  const { a, b } = createTestPool(1);
  ask(a, true);
  await run(a);
  ask(b);
  expect(a.state()).toBe("ready");
  a.jobs.at(-1)?.pause();
  expect(a.state()).toBe("unloading");
});

test("a lane job's use of a model is no request", async () => {
  const { a, b, c } = createTestPool(2);
  await loadNow(a, b);
  ask(a, true);
  a.idle(Infinity);
  ask(c);
  expect([a.state(), b.state()]).toEqual(["unloading", "ready"]);
});
