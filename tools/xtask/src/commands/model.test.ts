// Tests the commands `model script` and `model synth`: the written models, the printed instructions, and the refused flags.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { addModel } from "./model.ts";

let folder: string;
let printed: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-script-"));
  writeFileSync(join(folder, "t.jinja"), "<|im_start|>{{ messages }}<think>");
  printed = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

async function runModel(...args: string[]): Promise<void> {
  const program = new Command();
  addModel(program.command("model").exitOverride());
  await program.parseAsync(["model", ...args], { from: "user" });
}

async function run(...flags: string[]): Promise<void> {
  const files = ["--template", join(folder, "t.jinja"), "--out", join(folder, "a.gguf")];
  await runModel("script", ...files, "--context", "64", ...flags);
}

describe("model script", () => {
  it("writes a model without answers, explains how to find --at, and then adds the answers to the same file", async () => {
    await run("--say", "<think>x");
    expect(printed).toContain("<|im_end|>  <|endoftext|>  <|im_start|>  <think>  </think>");
    expect(printed).toMatch(/--model .*a\.gguf[^]*usage\.prompt_tokens[^]*--at <that number>/);
    const [silent, { ino }] = [readFileSync(join(folder, "a.gguf")), statSync(join(folder, "a.gguf"))];
    await run("--say", "<think>x", "--at", "9", "--say", "y", "--at", "20");
    expect(printed).toContain("gives the answer from now on");
    const spoken = readFileSync(join(folder, "a.gguf"));
    expect(statSync(join(folder, "a.gguf")).ino).toBe(ino);
    // The file ends with a row of 136 bytes for each position. The answers change three of the rows.
    const changed = Array.from({ length: 64 }, (_, place) => [place * 136, (place + 1) * 136] as const)
      .map(([from, to]) =>
        [spoken, silent].map((file) =>
          file
            .subarray(-64 * 136)
            .subarray(from, to)
            .toString("hex"),
        ),
      )
      .flatMap(([a, b], place) => (a === b ? [] : [place]));
    expect(changed).toEqual([8, 9, 19]);
  });

  it.each([
    [["--say", "x", "--at", "1", "--at", "2"], "Cannot use 1 times --say with 2 times --at"],
    [["--say", "x", "--at", "soon"], "Cannot use --at soon: it must be a whole number"],
    [["--say", "x", "--at", "64"], "Cannot say 1 tokens at 64: the context ends at 64"],
    [["--template", "no-such-file"], "Cannot read the template no-such-file"],
  ])("refuses %j", async (flags, message) => {
    await expect(run(...flags)).rejects.toThrow(message);
  });
});

describe("model synth", () => {
  it("writes a model in the requested quantization, with the requested context", async () => {
    const out = join(folder, "s.gguf");
    await runModel("synth", "--shape", "15m", "--quantization", "Q4_K_M", "--context", "32768", "--out", out);
    expect(printed).toMatch(/s\.gguf {2}\d+ MiB, Q4_K_M, shape of stories15M\n$/);
    const header = readFileSync(out).subarray(0, 2_000_000);
    // A value of type 4 (uint32) follows its key.
    const valueOf = (key: string): number[] => {
      const at = header.indexOf(key) + key.length;
      return [header.readUInt32LE(at), header.readUInt32LE(at + 4)];
    };
    expect(valueOf("llama.context_length")).toEqual([4, 32_768]);
    expect(valueOf("general.file_type")).toEqual([4, 15]);
  });

  it("refuses a context that is no number", async () => {
    await expect(runModel("synth", "--context", "long", "--out", join(folder, "s.gguf"))).rejects.toThrow(
      "Cannot use --context long",
    );
  });

  it("writes a model that reads pictures, and its projector in the same folder", async () => {
    const [out, sizes] = [join(folder, "v.gguf"), ["--vision-layers", "3", "--vision-width", "128"]];
    await runModel("synth", "--vision", "llava", "--context", "777", ...sizes, "--vision-size", "56", "--out", out);
    expect(printed).toMatch(
      /\/v\.gguf {2}1\.\d MiB, shape of LLaVA 1\.5\n.*\/mmproj-v\.gguf {2}\d\.\d MiB, shape of LLaVA/,
    );
    const numberOf = (name: string, key: string): number => {
      const header = readFileSync(join(folder, name));
      return header.readUInt32LE(header.indexOf(key) + key.length + 4);
    };
    expect(numberOf("v.gguf", "llama.context_length")).toBe(777);
    const keys = ["block_count", "embedding_length", "image_size"].map((key) => `clip.vision.${key}`);
    expect(keys.map((key) => numberOf("mmproj-v.gguf", key))).toEqual([3, 128, 56]);
  });

  it.each([
    [["--vision-width", "128"], "Cannot use the sizes of an encoder without --vision"],
    [["--vision", "llava", "--out", "v.bin"], "Cannot use --out v.bin: it must end in .gguf"],
    [["--vision", "llava", "--vision-layers", "many"], "Cannot use --vision-layers many: it must be a whole number"],
    [["--vision", "llava", "--shape", "embed"], "Cannot use --shape embed: it must be a decoder"],
  ])("refuses %j", async (flags, message) => {
    await expect(runModel("synth", ...flags)).rejects.toThrow(message);
  });
});
