import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { createKeyboard, type Keyboard } from "./keyboard.ts";

function keyboard(): {
  keyboard: Keyboard;
  type(text: string | Buffer): void;
  read(): string;
  written: string[];
  raw: boolean[];
} {
  const raw: boolean[] = [];
  const stdin = Object.assign(new EventEmitter(), {
    setRawMode: (mode: boolean) => raw.push(mode),
    pause: () => {},
    resume: () => {},
  });
  const written: string[] = [];
  const made = createKeyboard({
    stdin: stdin as never,
    write: (text) => written.push(text),
    collapse: (text) => `<${text.replaceAll("\n", "|")}>`,
  });
  made.open();
  return {
    keyboard: made,
    type: (text) => stdin.emit("data", Buffer.from(text)),
    read: () => String(made.input.read() ?? ""),
    written,
    raw,
  };
}

describe("the keyboard", () => {
  it("passes keys on, and shows a placeholder for a paste, even if the control sequences of the paste are split over two chunks", () => {
    const whole = "hi \u001b[200~a\nb\u001b[201~ there\u001b[A";
    for (let cut = 0; cut <= whole.length; cut++) {
      // An Escape at the end of a chunk is a key.
      if (whole[cut - 1] === "\u001b") continue;
      const { type, read } = keyboard();
      type(whole.slice(0, cut));
      type(whole.slice(cut));
      expect(read(), `cut at ${cut}`).toBe("hi <a|b> there\u001b[A");
    }
  });

  it("joins the bytes of a character that arrives in two chunks", () => {
    const { type, read } = keyboard();
    const bee = Buffer.from("🐝");
    type(bee.subarray(0, 2));
    type(bee.subarray(2));
    expect(read()).toBe("🐝");
  });

  it("keeps keys typed during an answer, except for those before a Ctrl-C", () => {
    const { keyboard: keys, type, read } = keyboard();
    let interrupts = 0;
    keys.shut();
    const release = keys.hold(() => (interrupts += 1));
    type("lost");
    type("\u0003");
    type("next");
    expect([interrupts, read()]).toEqual([1, ""]);
    release();
    keys.open();
    expect(read()).toBe("next");
    type("\u0003");
    expect([interrupts, read()]).toEqual([1, "\u0003"]);
  });

  it("keeps the keys after the end of a line for the next line", async () => {
    const { keyboard: keys, type, read } = keyboard();
    type("one\rtwo\u0004three");
    expect(read()).toBe("one\r");
    // The editor of the first line has ended, and the next one has not begun: no key may arrive.
    keys.shut();
    await new Promise(setImmediate);
    expect(read()).toBe("");
    keys.open();
    expect(read()).toBe("two\u0004");
    // A Ctrl-D within a line only deletes a character: the input stays open.
    await new Promise(setImmediate);
    expect(read()).toBe("three");
  });

  it("limits waiting keys and pasted text", () => {
    const { keyboard: keys, type, read } = keyboard();
    keys.shut();
    for (let i = 0; i < 10; i++) type("x".repeat(10_000));
    keys.open();
    expect(read()).toHaveLength(65_536);
    type("\u001b[200~");
    for (let i = 0; i < 30; i++) type("y".repeat(50_000));
    type("\u001b[201~");
    expect(read()).toHaveLength(1_048_576 + 2);
  });

  it("restores the terminal", () => {
    const { keyboard: keys, written, raw } = keyboard();
    keys.close();
    expect(written).toEqual(["\u001b[?2004h", "\u001b[?2004l"]);
    expect(raw).toEqual([true, false]);
  });
});
