import { describe, expect, it } from "vitest";
import { createChannel } from "./channel.ts";

describe("createChannel", () => {
  it("delivers values in order while the ring buffer wraps around many times", async () => {
    const channel = createChannel<number>({ capacity: 3 });
    const reader = channel[Symbol.asyncIterator]();
    const read: (number | undefined)[] = [];
    let waiting = 0;
    for (let i = 0; i < 20; i += 1) {
      channel.send(i * 2);
      channel.send(i * 2 + 1);
      for (waiting += 2; waiting > 1; waiting -= 1) read.push((await reader.next()).value);
    }
    channel.close();
    for await (const value of channel) read.push(value);
    expect(read).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  it("rejects a value when the buffer is full, and accepts a value after a read", async () => {
    const channel = createChannel<string>({ capacity: 2 });
    expect([channel.send("a"), channel.send("b"), channel.send("c")]).toEqual([true, true, false]);
    const reader = channel[Symbol.asyncIterator]();
    await reader.next();
    expect(channel.send("d")).toBe(true);
    expect((await reader.next()).value).toBe("b");
    expect((await reader.next()).value).toBe("d");
  });

  it("delivers a value to a waiting consumer without buffering it", async () => {
    const channel = createChannel<undefined>({ capacity: 1 });
    const pending = channel[Symbol.asyncIterator]().next();
    expect([channel.send(undefined), channel.send(undefined)]).toEqual([true, true]);
    expect(await pending).toEqual({ done: false, value: undefined });
  });

  it("after close the consumer still gets the buffered values", async () => {
    const channel = createChannel<number>({ capacity: 2 });
    channel.send(1);
    channel.close();
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

  it("after fail, the consumer gets the buffered values, then the error once", async () => {
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

  it("fail rejects a pending read; later reads return the end", async () => {
    const channel = createChannel<number>({ capacity: 2 });
    const reader = channel[Symbol.asyncIterator]();
    const pending = reader.next();
    channel.fail(new Error("engine gone"));
    await expect(pending).rejects.toThrow("engine gone");
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("return ends a pending read at once and closes the channel for the producer", async () => {
    const channel = createChannel<number>({ capacity: 2 });
    const reader = channel[Symbol.asyncIterator]();
    const pending = reader.next();
    expect(await reader.return?.()).toEqual({ done: true, value: undefined });
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(channel.send(1)).toBe(false);
  });

  it("return discards buffered values and a pending error", async () => {
    const channel = createChannel<number>({ capacity: 2 });
    channel.send(1);
    channel.fail(new Error("no reader is left"));
    const reader = channel[Symbol.asyncIterator]();
    await reader.return?.();
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("rejects a second read while the first is pending", async () => {
    const channel = createChannel<number>({ capacity: 1 });
    const first = channel[Symbol.asyncIterator]().next();
    await expect(channel[Symbol.asyncIterator]().next()).rejects.toThrow("another read is pending");
    channel.send(1);
    expect((await first).value).toBe(1);
  });

  it("is closed when the reader of a web stream that is made from the channel cancels", async () => {
    const channel = createChannel<string>({ capacity: 4 });
    const reader = ReadableStream.from(channel).getReader();
    channel.send("a");
    expect((await reader.read()).value).toBe("a");
    await reader.cancel();
    expect(channel.send("b")).toBe(false);
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity])("rejects the capacity %d", (capacity) => {
    expect(() => createChannel({ capacity })).toThrow(RangeError);
  });
});
