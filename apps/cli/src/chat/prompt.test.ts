import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, it } from "vitest";
import { captureOutput } from "../testing/capture.ts";
import { createHistory } from "./history.ts";
import { createPrompt, type Prompt } from "./prompt.ts";

interface Keyboard {
  readonly prompt: Prompt;
  /** Types the keys, and returns what the terminal shows of them, without sequences. */
  type(keys: string | Buffer): Promise<string>;
  text(): Promise<string | undefined>;
  readonly written: () => string;
  readonly raw: readonly boolean[];
}

function keyboard(...earlier: readonly string[]): Keyboard {
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (mode: boolean) => raw.push(mode) });
  const out = captureOutput({ isTerminal: true });
  const history = createHistory(undefined);
  for (const message of earlier) history.add(message);
  const prompt = createPrompt({ stdin: stdin as never, out, history });
  return {
    prompt,
    async type(keys) {
      const before = out.text().length;
      stdin.write(keys);
      await new Promise(setImmediate);
      return stripVTControlCharacters(out.text().slice(before));
    },
    text: async () => (await prompt.next())?.text,
    written: out.text,
    raw,
  };
}

const up = "\u001b[A";
const paste = (text: string): string => `\u001b[200~${text}\u001b[201~`;

it("a message is a line, or lines of which all but the last end with a backslash", async () => {
  const { type, text } = keyboard();
  await type("one\r\r  \rtwo\\\rlines\rthree\r");
  expect([await text(), await text(), await text()]).toEqual(["one", "two\nlines", "three"]);
});

it("a paste of several lines is one message, which Enter sends, also if it arrives in two pieces", async () => {
  const whole = `explain: ${paste("if (x) {\r\n\treturn\\\r\n}")} please`;
  for (let cut = 0; cut <= whole.length; cut++) {
    const { type, text } = keyboard();
    const message = text();
    await type(whole.slice(0, cut));
    await type(whole.slice(cut));
    await type("\r");
    expect(await message, `cut at ${cut}`).toBe("explain: if (x) {\n\treturn\\\n} please");
  }
});

it("a paste shows its lines, without characters that a terminal obeys", async () => {
  const { type, text } = keyboard();
  const message = text();
  expect(await type(paste("a\u009b2Jb\rc"))).toBe("a2Jb\r\n... c");
  await type("\r");
  expect(await message).toBe("a\u009b2Jb\nc");
});

it("joins the bytes of a character that arrives in two chunks", async () => {
  const { type, text } = keyboard();
  const bee = Buffer.from("🐝");
  await type(bee.subarray(0, 2));
  await type(bee.subarray(2));
  await type("\r");
  expect(await text()).toBe("🐝");
});

it("keys typed during an answer are shown at the next prompt, except for those before a Ctrl-C", async () => {
  const { type, prompt, text, written } = keyboard();
  const first = prompt.next();
  await type("one\r");
  const answered = await first;
  expect(await type("lost\rand this\u0003")).toBe("");
  expect(answered?.stop.aborted).toBe(true);
  await type("two\rthr");
  const second = await prompt.next();
  expect([second?.text, second?.stop.aborted]).toEqual(["two", false]);
  const third = text();
  expect(stripVTControlCharacters(written())).toMatch(/> two\n> thr$/);
  await type("ee\r");
  expect(await third).toBe("three");
});

it("a long line typed during an answer clears nothing of the answer", async () => {
  const { type, text, written } = keyboard();
  await type(`${"x".repeat(100)}\u007f`);
  const message = text();
  expect(written()).not.toContain("\u001b[1A");
  await type("y\r");
  expect(await message).toBe(`${"x".repeat(99)}y`);
});

it("brings back earlier messages, also of several lines, before it sends them", async () => {
  const { type, text } = keyboard("old", "two\nlines");
  let message = text();
  expect(await type(up)).toContain("two\n");
  await type("!\r");
  expect(await message).toBe("two\nlines!");
  await type(`${paste("new\rlines")}\r`);
  expect(await text()).toBe("new\nlines");
  // During an answer, an earlier message is not sent either.
  await type(up);
  message = text();
  await type(" again\r");
  expect(await message).toBe("new\nlines again");
  await type(`${up.repeat(4)}\r`);
  expect(await text()).toBe("two\nlines");
});

it("Ctrl-C drops what was typed; two without typed text leave, as Ctrl-D does", async () => {
  const { type, text } = keyboard();
  let message = text();
  await type("lost\\\rlost\u0003");
  await type("\u0003");
  await type("kept\r");
  expect(await message).toBe("kept");
  message = text();
  expect(await type("\u0003")).toContain("Ctrl-C once more leaves");
  await type("\u0003");
  expect([await message, await text()]).toEqual([undefined, undefined]);
  const other = keyboard();
  await other.type("one\rtwo\r\u0004");
  expect([await other.text(), await other.text(), await other.text()]).toEqual(["one", "two", undefined]);
});

it("restores the terminal", () => {
  const { prompt, written, raw } = keyboard();
  prompt.close();
  expect(written()).toBe("\u001b[?2004h\u001b[?2004l");
  expect(raw).toEqual([true, false]);
});
