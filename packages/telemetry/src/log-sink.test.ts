import { expect, test } from "vitest";
import { createBufferedLogSink, maxPendingLogBytes } from "./log-sink.ts";

/** A reader with room for a number of bytes. Once `gone` is set, the reader throws an error. */
function fakeReader(room = Infinity) {
  let text = "";
  const reader = {
    room,
    gone: false,
    flushRequests: 0,
    get text() {
      return text;
    },
    take(bytes: Uint8Array): number {
      if (reader.gone) throw new Error("EPIPE");
      const taken = bytes.subarray(0, reader.room);
      reader.room -= taken.length;
      text += Buffer.from(taken).toString();
      return taken.length;
    },
    requestFlush() {
      reader.flushRequests += 1;
    },
  };
  return reader;
}

test("a line is written at once while there is room", () => {
  const reader = fakeReader();
  createBufferedLogSink(reader).write("one\n");
  expect(reader.text).toBe("one\n");
  expect(reader.flushRequests).toBe(0);
});

test("lines without room are kept in order, and written when there is room again", () => {
  const reader = fakeReader(2);
  const sink = createBufferedLogSink(reader);
  sink.write("one\n");
  sink.write("two\n");
  expect(reader.text).toBe("on");
  expect(reader.flushRequests).toBe(1);
  reader.room = 4;
  expect(sink.flush()).toBe(false);
  expect(reader.flushRequests).toBe(2);
  reader.room = Infinity;
  expect(sink.flush()).toBe(true);
  sink.write("three\n");
  expect(reader.text).toBe("one\ntwo\nthree\n");
});

test("lines above the limit are dropped, and their number is logged once the reader has room", () => {
  const reader = fakeReader(0);
  const sink = createBufferedLogSink(reader);
  const line = `${"x".repeat(1023)}\n`;
  const kept = maxPendingLogBytes / line.length;
  for (let i = 0; i < kept + 2; i++) sink.write(line);
  reader.room = Infinity;
  sink.flush();
  expect(reader.text).toBe(`${line.repeat(kept)}2 log lines dropped: the log had no reader\n`);
});

test("once the reader has gone, lines are dropped without an error", () => {
  const reader = fakeReader();
  const sink = createBufferedLogSink(reader);
  reader.gone = true;
  sink.write("into the void\n");
  reader.gone = false;
  sink.write("into the void\n");
  expect(reader.text).toBe("");
  expect(sink.flush()).toBe(true);
});

test("waiting lines are dropped when the reader has gone", () => {
  const reader = fakeReader(0);
  const sink = createBufferedLogSink(reader);
  sink.write("waits\n");
  reader.gone = true;
  expect(sink.flush()).toBe(true);
});
