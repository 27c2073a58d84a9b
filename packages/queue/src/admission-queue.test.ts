import { describe, expect, it } from "vitest";
import { createAdmissionQueue, type AdmissionQueue, type QueueKey } from "./admission-queue.ts";

function key(id: string, rest: Partial<Omit<QueueKey, "id">> = {}): QueueKey {
  return { id, priority: 0, client: "c", flow: "", ...rest };
}

function makeQueue(
  options: { capacity?: number; clientShare?: number; lowestCounted?: number } = {},
): AdmissionQueue<string> {
  return createAdmissionQueue<string>({ capacity: 100, now: () => 0, ...options });
}

/** Offers items whose names are their ids. */
function fill(queue: AdmissionQueue<string>, ...keys: QueueKey[]): void {
  for (const each of keys) expect(queue.offer(each.id, each)).toBeUndefined();
}

function drain(queue: AdmissionQueue<string>): string[] {
  const items: string[] = [];
  for (let item = queue.take(); item !== undefined; item = queue.take()) items.push(item);
  return items;
}

describe("limits", () => {
  it("refuses items when it is full, and accepts a new item for each item that has left", () => {
    const queue = makeQueue({ capacity: 2 });
    fill(queue, key("a"), key("b"));
    expect(queue.offer("c", key("c"))).toBe("full");
    expect(queue.depth).toBe(2);
    queue.take();
    expect(queue.offer("c", key("c"))).toBeUndefined();
    queue.remove("b");
    fill(queue, key("d"));
  });

  it("refuses only the client that has used up its share", () => {
    const queue = makeQueue({ capacity: 4, clientShare: 0.5 });
    fill(queue, key("a1", { client: "a" }), key("a2", { client: "a" }));
    expect(queue.offer("a3", key("a3", { client: "a" }))).toBe("client_share");
    fill(queue, key("b1", { client: "b" }));
    queue.take();
    fill(queue, key("a3", { client: "a" }));
  });

  it("leaves every client one entry, however small the share", () => {
    const queue = makeQueue({ capacity: 2, clientShare: 0.01 });
    fill(queue, key("a1", { client: "a" }), key("b1", { client: "b" }));
    expect(queue.depth).toBe(2);
  });

  it.each([{ capacity: 0 }, { capacity: 1.5 }, { clientShare: 0 }, { clientShare: 1.1 }, { clientShare: Number.NaN }])(
    "cannot be created with %j",
    (options) => {
      expect(() => makeQueue(options)).toThrow(RangeError);
    },
  );

  it("keeps capacity, share and positions as they are for entries below the lowest counted priority", () => {
    const queue = makeQueue({ capacity: 2, clientShare: 0.5, lowestCounted: 0 });
    for (let index = 0; index < 1_000; index += 1) queue.admit(`low${index}`, key(`low${index}`, { priority: -1 }));
    expect(queue.depth).toBe(0);
    expect(queue.offer("a", key("a"))).toBeUndefined();
    expect(queue.offer("b", key("b"))).toBe("client_share");
    expect([queue.depth, queue.position("a"), queue.position("low0")]).toEqual([1, 1, 2]);
    expect(queue.take()).toBe("a");
    expect(queue.take()).toBe("low0");
    queue.putBack("low0");
    expect(queue.depth).toBe(0);
  });

  it("gives a client its turn, however many of its entries below the lowest counted priority run", () => {
    const queue = makeQueue({ lowestCounted: 0 });
    queue.admit("low", key("low", { priority: -1 }));
    queue.take();
    fill(queue, key("c1"), key("d1", { client: "d" }));
    expect(drain(queue)).toEqual(["c1", "d1"]);
  });

  it("refuses an id that waits or runs", () => {
    const queue = makeQueue();
    fill(queue, key("a"), key("b"));
    queue.take();
    for (const id of ["a", "b"]) expect(() => queue.offer(id, key(id))).toThrow(`Cannot queue ${id}`);
    expect(() => queue.replace("b", "a", key("a"))).toThrow("Cannot queue a");
    queue.finished("a");
    fill(queue, key("a"));
  });
});

describe("remove", () => {
  it("removes an item from the middle, once", () => {
    const queue = makeQueue();
    fill(queue, key("a"), key("b"), key("c"));
    expect(queue.remove("b")).toBe("b");
    expect(queue.remove("b")).toBeUndefined();
    expect(drain(queue)).toEqual(["a", "c"]);
  });

  it("ignores a taken item", () => {
    const queue = makeQueue();
    fill(queue, key("a"));
    queue.take();
    expect(queue.remove("a")).toBeUndefined();
  });
});

describe("replace", () => {
  it("treats a new item of another priority as if it had arrived when the old item did", () => {
    const queue = makeQueue();
    fill(queue, key("old"), key("high", { priority: 1 }));
    queue.replace("old", "new", key("new", { priority: 1 }));
    expect(drain(queue)).toEqual(["new", "high"]);
  });

  it("accepts the new item in a full queue, and with the old item's id", () => {
    const queue = makeQueue({ capacity: 1 });
    fill(queue, key("a"));
    expect(queue.replace("a", "new", key("a"))).toBe(true);
    expect(queue.take()).toBe("new");
  });

  it("counts the new item in place of the old one towards the client's share", () => {
    const queue = makeQueue({ capacity: 4, clientShare: 0.5 });
    fill(queue, key("a1"));
    queue.replace("a1", "a2", key("a2"));
    fill(queue, key("a3"));
    expect(queue.offer("a4", key("a4"))).toBe("client_share");
  });

  it("returns false for an id that does not wait", () => {
    const queue = makeQueue();
    fill(queue, key("a"));
    queue.take();
    expect(queue.replace("a", "b", key("b"))).toBe(false);
    expect(queue.depth).toBe(0);
  });
});

it("ignores a second end of a job, and the end of an unknown job", () => {
  const queue = makeQueue();
  fill(queue, key("a"), key("b"));
  queue.take();
  queue.finished("a");
  queue.finished("a");
  queue.finished("never known");
  expect(queue.take()).toBe("b");
});

it("gives an item its places one by one, in turn with other clients, and counts it once", () => {
  const queue = makeQueue({ capacity: 2 });
  fill(queue, key("wide", { places: 3 }), key("other", { client: "d" }));
  expect([queue.depth, queue.position("wide"), queue.position("other")]).toEqual([2, 1, 2]);
  expect([queue.take(), queue.take(), queue.take()]).toEqual(["wide", "other", "wide"]);
  queue.putBack("wide");
  expect([queue.depth, ...drain(queue)]).toEqual([1, "wide", "wide"]);
  for (let ended = 0; ended < 3; ended += 1) queue.finished("wide");
  fill(queue, key("wide"));
});
