import { describe, expect, it } from "vitest";
import { createAdmissionQueue, type AdmissionQueue, type QueueKey } from "./admission-queue.ts";

function key(id: string, rest: Partial<Omit<QueueKey, "id">> = {}): QueueKey {
  return { id, priority: 0, client: "c", flow: "", ...rest };
}

function makeQueue(options: { capacity?: number; clientShare?: number } = {}): AdmissionQueue<string> {
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

describe("order", () => {
  it("is first in, first out within a flow", () => {
    const queue = makeQueue();
    fill(queue, key("a"), key("b"), key("c"));
    expect(drain(queue)).toEqual(["a", "b", "c"]);
  });

  it("puts the higher priority first, for any client", () => {
    const queue = makeQueue();
    fill(queue, key("low", { priority: -3 }), key("high", { priority: 7 }), key("mid"), key("other", { priority: 7 }));
    expect(drain(queue)).toEqual(["high", "other", "mid", "low"]);
  });

  it("prefers the client with fewer running jobs over a client that was served less recently", () => {
    const queue = makeQueue();
    fill(queue, key("a1", { client: "a" }), key("a2", { client: "a" }), key("b1", { client: "b" }));
    expect([queue.take(), queue.take()]).toEqual(["a1", "b1"]);
    queue.finished("b1");
    fill(queue, key("b2", { client: "b" }));
    expect(queue.take()).toBe("b2");
  });

  it("prefers the client served least recently when both run the same number of jobs", () => {
    const queue = makeQueue();
    fill(queue, key("a1", { client: "a" }), key("a2", { client: "a" }), key("b1", { client: "b" }));
    queue.take();
    fill(queue, key("b2", { client: "b" }));
    queue.take();
    expect(queue.take()).toBe("a2");
  });

  it("serves a client's flows in turn", () => {
    const queue = makeQueue();
    const s = { flow: "s" };
    fill(queue, key("s1", s), key("s2", s), key("s3", s), key("t1", { flow: "t" }), key("u1", { flow: "u" }));
    expect(drain(queue)).toEqual(["s1", "t1", "u1", "s2", "s3"]);
  });
});

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
  it("serves the new item exactly when the old item would have been served", () => {
    const queue = makeQueue();
    fill(queue, key("a1", { client: "a" }), key("a2", { client: "a" }), key("b1", { client: "b", flow: "s" }));
    queue.take();
    expect(queue.replace("b1", "b2", key("b2", { client: "b", flow: "s" }))).toBe(true);
    expect(queue.position("b1")).toBeUndefined();
    expect(drain(queue)).toEqual(["b2", "a2"]);
  });

  it("keeps a client's turn when its only entry is replaced", () => {
    const queue = makeQueue();
    fill(queue, key("a1", { client: "a" }), key("b1", { client: "b" }));
    queue.replace("a1", "a2", key("a2", { client: "a" }));
    expect(drain(queue)).toEqual(["a2", "b1"]);
  });

  it("gives the place of a waiting job to the job that replaces it", () => {
    const queue = makeQueue();
    fill(queue, key("a"), key("b"), key("c"));
    queue.replace("b", "x", key("x"));
    expect(drain(queue)).toEqual(["a", "x", "c"]);
  });

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
