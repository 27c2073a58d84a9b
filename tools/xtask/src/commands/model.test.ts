// Tests that the commands `model script` and `model synth` write the models that their flags describe, and print what to do next.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { expect, it, vi } from "vitest";
import { addModelScript, addModelSynth } from "./model.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-model-"));

it("writes models of the flags' sizes and answers, and explains how to find --at", async () => {
  const [template, scripted, random] = ["t.jinja", "a.gguf", "v.gguf"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  let printed = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const run = async (add: typeof addModelScript, ...args: string[]): Promise<void> => {
    const command = new Command();
    add(command);
    await command.parseAsync(args, { from: "user" });
  };
  const script = (...flags: string[]) =>
    run(addModelScript, "--template", template, "--out", scripted, "--context", "64", ...flags);
  try {
    writeFileSync(template, "<|im_start|>{{ messages }}<think>");
    await script("--say", "<think>x");
    expect(printed).toMatch(
      / {2}<think> {2}<\/think>[^]*--model .*a\.gguf[^]*usage\.prompt_tokens[^]*--at <that number>/,
    );
    const silent = readFileSync(scripted);
    await script("--say", "<think>x", "--at", "9", "--say", "y", "--at", "20");
    expect(printed).toContain("gives the answer from now on");
    // The file ends with a row of 136 bytes for each position. The answers change three of the rows.
    const rowsOf = (file: Buffer): Buffer[] =>
      Array.from({ length: 64 }, (_, place) => file.subarray(-64 * 136).subarray(place * 136, (place + 1) * 136));
    const spoken = rowsOf(readFileSync(scripted));
    expect(rowsOf(silent).flatMap((row, place) => (row.equals(spoken[place] as Buffer) ? [] : [place]))).toEqual([
      8, 9, 19,
    ]);
    await expect(script("--say", "x", "--at", "1", "--at", "2")).rejects.toThrow(
      "Cannot use 1 times --say with 2 times --at",
    );
    const sizes = ["--vision-layers", "5", "--vision-width", "128", "--vision-size", "56"];
    await run(addModelSynth, "--vision", "llava", "--context", "777", ...sizes, "--out", random);
    expect(printed).toMatch(/\/v\.gguf {2}1\.\d MiB, shape of LLaVA 1\.5\n.*\/mmproj-v\.gguf {2}\d\.\d MiB/);
  } finally {
    write.mockRestore();
  }
  const numberOf = (name: string, key: string): number => {
    const header = readFileSync(join(folder, name));
    return header.readUInt32LE(header.indexOf(key) + key.length + 4);
  };
  expect(numberOf("v.gguf", "llama.context_length")).toBe(777);
  const keys = ["block_count", "embedding_length", "image_size"].map((key) => `clip.vision.${key}`);
  expect(keys.map((key) => numberOf("mmproj-v.gguf", key))).toEqual([5, 128, 56]);
});
