import { describe, expect, it } from "vitest";
import { createChannel } from "./channel.ts";

describe("createChannel", () => {
  it("hands values over in order, through many turns of the buffer", async () => {
    const channel = createChannel<number>({ capacity: 3 });
    const reader = channel[Symbol.asyncIterator]();
    const read: (number | undefined)[] = [];
    for (let i = 0; i < 20; i += 1) {
      channel.send(i * 2);
      channel.send(i * 2 + 1);
      read.push((await reader.next()).value);
      if (channel.size > 1) read.push((await reader.next()).value);
    }
    channel.close();
    for await (const value of channel) read.push(value);
    expect(read).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  it("refuses a value when it is full and takes one again after a read", async () => {
    const channel = createChannel<string>({ capacity: 2 });
    expect([channel.send("a"), channel.send("b"), channel.send("c")]).toEqual([true, true, false]);
    expect(channel.size).toBe(2);
    const reader = channel[Symbol.asyncIterator]();
    await reader.next();
    expect(channel.send("d")).toBe(true);
    expect((await reader.next()).value).toBe("b");
    expect((await reader.next()).value).toBe("d");
  });

  it("hands a value to a waiting consumer without buffering it", async () => {
    const channel = createChannel<undefined>({ capacity: 1 });
    const pending = channel[Symbol.asyncIterator]().next();
    expect(channel.send(undefined)).toBe(true);
    expect(channel.size).toBe(0);
    expect(await pending).toEqual({ done: false, value: undefined });
  });

  it("close lets the consumer finish what is buffered", async () => {
    const channel = createChannel<number>({ capacity: 2 });
    channel.send(1);
    channel.close();
    expect(channel.closed).toBe(true);
    expect(channel.send(2)).toBe(false);
    const seen: number[] = [];
    for await (const value of channel) seen.push(value);
    expect(seen).toEqual([1]);
  });

  it("close ends a pending read", async () => {
    const channel = createChannel<number>({ capacity: 1 });
    const pending = channel[Symbol.asyncIterator]().next();
    channel.close();
    expect(await pending).toEqual({ done: true, value: undefined });
  });

  it("fail throws once, after what is buffered", async () => {
    const channel = createChannel<number>({ capacity: 2 });
    channel.send(1);
    channel.fail(new Error("engine gone"));
    channel.fail(new Error("too late"));
    channel.close();
    const reader = channel[Symbol.asyncIterator]();
    expect(await reader.next()).toEqual({ done: false, value: 1 });
    await expect(reader.next()).rejects.toThrow("engine gone");
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("fail rejects a pending read, and the end follows", async () => {
    const channel = createChannel<number>({ capacity: 2 });
    const reader = channel[Symbol.asyncIterator]();
    const pending = reader.next();
    channel.fail(new Error("engine gone"));
    await expect(pending).rejects.toThrow("engine gone");
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("return unblocks a pending read at once and closes the channel for the producer", async () => {
    const channel = createChannel<number>({ capacity: 2 });
    const reader = channel[Symbol.asyncIterator]();
    const pending = reader.next();
    expect(await reader.return?.()).toEqual({ done: true, value: undefined });
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(channel.closed).toBe(true);
    expect(channel.send(1)).toBe(false);
  });

  it("return forgets what is buffered, an error included", async () => {
    const channel = createChannel<number>({ capacity: 2 });
    channel.send(1);
    channel.fail(new Error("no reader is left"));
    const reader = channel[Symbol.asyncIterator]();
    await reader.return?.();
    expect(channel.size).toBe(0);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("refuses a second read while one is pending", async () => {
    const channel = createChannel<number>({ capacity: 1 });
    const first = channel[Symbol.asyncIterator]().next();
    await expect(channel[Symbol.asyncIterator]().next()).rejects.toThrow("another read is pending");
    channel.send(1);
    expect((await first).value).toBe(1);
  });

  it("reports a reader's cancel to a web stream's producer", async () => {
    const channel = createChannel<string>({ capacity: 4 });
    const reader = ReadableStream.from(channel).getReader();
    channel.send("a");
    expect((await reader.read()).value).toBe("a");
    await reader.cancel();
    expect(channel.closed).toBe(true);
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity])("refuses the capacity %d", (capacity) => {
    expect(() => createChannel({ capacity })).toThrow(RangeError);
  });
});
