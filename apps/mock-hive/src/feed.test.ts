import { createFakeClock } from "@waggle/testing";
import type { HiveEvent } from "@waggle/protocol";
import { expect, it } from "vitest";
import { createFeed, feedBacklogLimit, pingIntervalMs, type FeedItem } from "./feed.ts";

const snapshot: HiveEvent = { type: "snapshot", at: "", workers: [] };
const event = (worker_id: string): HiveEvent => ({ type: "deregistered", at: "", worker_id });
const never = (): void => expect.unreachable("The reader was cut off");

async function take(reader: ReadableStreamDefaultReader<FeedItem>, count: number): Promise<unknown[]> {
  const items: unknown[] = [];
  for (let i = 0; i < count; i += 1) items.push((await reader.read()).value);
  return items;
}

it("gives each reader its first event and all that follow", async () => {
  const feed = createFeed({ clock: createFakeClock() });
  const early = feed.open(snapshot, never).getReader();
  feed.publish(event("a"));
  const late = feed.open(snapshot, never).getReader();
  feed.publish(event("b"));
  expect(await take(early, 3)).toEqual([snapshot, event("a"), event("b")]);
  expect(await take(late, 2)).toEqual([snapshot, event("b")]);
});

it("sends pings while it has readers, and has no timer without readers", async () => {
  const clock = createFakeClock();
  const feed = createFeed({ clock });
  expect(clock.pending).toBe(0);
  const one = feed.open(snapshot, never).getReader();
  const two = feed.open(snapshot, never).getReader();
  clock.advance(2 * pingIntervalMs);
  expect(await take(one, 3)).toEqual([snapshot, { type: "ping" }, { type: "ping" }]);
  await one.cancel();
  expect(clock.pending).toBe(1);
  await two.cancel();
  expect(clock.pending).toBe(0);
  expect(feed.readers).toBe(0);
});

it("disconnects only the reader that falls behind", async () => {
  const feed = createFeed({ clock: createFakeClock() });
  let cutOff = 0;
  const slow = feed.open(snapshot, () => (cutOff += 1)).getReader();
  const quick = feed.open(snapshot, never).getReader();
  await take(quick, 1);
  for (let i = 0; i < feedBacklogLimit; i += 1) {
    feed.publish(event(`w${i}`));
    expect(await take(quick, 1)).toEqual([event(`w${i}`)]);
  }
  expect(cutOff).toBe(1);
  expect(feed.readers).toBe(1);
  await expect(slow.read()).rejects.toMatchObject({ code: "slow_consumer" });
});

it("ends every reader when it closes, including a waiting one", async () => {
  const clock = createFakeClock();
  const feed = createFeed({ clock });
  const waiting = feed.open(snapshot, never).getReader();
  const behind = feed.open(snapshot, never).getReader();
  await take(waiting, 1);
  const pending = waiting.read();
  feed.close();
  expect(await pending).toEqual({ done: true, value: undefined });
  expect(await take(behind, 2)).toEqual([snapshot, undefined]);
  expect([feed.readers, clock.pending]).toEqual([0, 0]);
});

it("lets a reader leave while it waits", async () => {
  const feed = createFeed({ clock: createFakeClock() });
  const reader = feed.open(snapshot, never).getReader();
  await take(reader, 1);
  const pending = reader.read();
  await reader.cancel();
  expect(await pending).toEqual({ done: true, value: undefined });
  feed.publish(event("a"));
  expect(feed.readers).toBe(0);
});
