// Tests when a download is offered in place of a name, and which words `waggle serve` then gets.
import { PassThrough } from "node:stream";
import { describe, expect, it, test } from "vitest";
import { InterruptedError } from "../cli-error.ts";
import type { Context } from "../command.ts";
import { captureOutput } from "../testing/capture.ts";
import { offerDownload, offerDownloads } from "./offer-download.ts";

interface Typed {
  /** What is typed, a line for each question; undefined for Ctrl-D. */
  readonly typed?: string | undefined;
  readonly isTTY?: boolean;
  readonly isTerminal?: boolean;
  readonly signal?: AbortSignal;
}

function terminal({ typed, isTTY = true, isTerminal = true, signal = new AbortController().signal }: Typed) {
  const stdin = Object.assign(new PassThrough(), { isTTY }) as unknown as Context["stdin"] & PassThrough;
  stdin.end(typed);
  const err = captureOutput();
  return { stdin, out: captureOutput({ isTerminal }), err, signal };
}

describe("a name that is probably a download", () => {
  const question = "There is no model qwen3 here. Download ollama:qwen3 instead? [y/N] ";

  test.each([
    ["y\n", "ollama:qwen3", question],
    ["n\n", undefined, question],
    ["\n", undefined, question],
    [undefined, undefined, `${question}\n`],
  ])("is asked about: the answer %j leads to %s", async (typed, reference, written) => {
    const context = terminal({ typed });
    expect([await offerDownload(context, "qwen3"), context.err.text()]).toEqual([reference, written]);
  });

  it("is not asked about without a terminal at both ends", async () => {
    for (const ends of [{ isTTY: false }, { isTerminal: false }]) {
      const context = terminal({ typed: "y\n", ...ends });
      expect([await offerDownload(context, "qwen3"), context.err.text()]).toEqual([undefined, ""]);
    }
  });

  it("leaves the question at Ctrl-C with the signal's reason", async () => {
    const interrupt = new AbortController();
    const stdin = Object.assign(new PassThrough(), { isTTY: true }) as unknown as Context["stdin"];
    const asked = offerDownload({ ...terminal({}), stdin, signal: interrupt.signal }, "qwen3");
    interrupt.abort(new InterruptedError());
    await expect(asked).rejects.toBeInstanceOf(InterruptedError);
  });
});

test.each(["./qwen3", "story.gguf", "hf:bad", "waggle-tiny-stories", "a b"])("%j is not asked about", async (word) => {
  const context = terminal({ typed: "y\n" });
  expect([await offerDownload(context, word), context.err.text()]).toEqual([undefined, ""]);
});

test.each([
  [["qwen3"], ["ollama:qwen3"]],
  [
    ["--port", "0", "qwen3"],
    ["--port", "0", "ollama:qwen3"],
  ],
  [["chat=hf.co/Qwen/Qwen3-4B-GGUF"], ["chat=hf:Qwen/Qwen3-4B-GGUF"]],
  [["--model=llama3.2:3b"], ["--model=ollama:llama3.2:3b"]],
])("a yes makes of waggle serve %j the words %j", async (words, then) => {
  expect(await offerDownloads(terminal({ typed: "y\n" }), words, {})).toEqual(then);
});

test.each([
  ["package.json"],
  ["waggle-tiny-stories"],
  ["--model-ref", "qwen3"],
  ["--unknown-flag", "qwen3"],
  ["--backend", "fake", "qwen3"],
])("waggle serve %s %s asks nothing", async (...words) => {
  const context = terminal({ typed: "y\n" });
  expect([await offerDownloads(context, words, {}), context.err.text()]).toEqual([words, ""]);
});
