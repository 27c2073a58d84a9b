// Owns the command models:synth: its options, its progress, and where a made-up model goes.
import { relative } from "node:path";
import { repositoryPath } from "@waggle/harness";
import type { Command as Program } from "commander";
import { integerOf, mostSeed } from "../lib/options.ts";
import { onEnding } from "../lib/signals.ts";
import { createProgressLine } from "../lib/progress-line.ts";
import { shapeNamed, shapes } from "../lib/synth/shapes.ts";
import { writeModel } from "../lib/synth/write-model.ts";

interface Flags {
  readonly shape: string;
  readonly out?: string;
  readonly seed: string;
}

const mebibyte = 1_048_576;

export function addModelsSynth(program: Program): void {
  program
    .command("models:synth")
    .description(
      "write a model with random weights in the shape of a real one, in Q8_0: the same computing, no download, no sense",
    )
    .option("--shape <name>", shapes.map(({ name, like }) => `${name} (${like})`).join(", "), "135m")
    .option("--out <path>", "the file to write (default: .waggle/models/synth-<shape>-q8_0.gguf, which git ignores)")
    .option("--seed <n>", "the same seed gives the same file", "1")
    .action(modelsSynth);
}

async function modelsSynth(flags: Flags): Promise<void> {
  const shape = shapeNamed(flags.shape);
  const seed = integerOf("--seed", flags.seed, 0, mostSeed);
  const path = flags.out ?? repositoryPath(`.waggle/models/synth-${shape.name}-q8_0.gguf`);
  const progress = createProgressLine(process.stderr);
  const ending = onEnding(() => {});
  try {
    const { bytes } = await writeModel({
      shape,
      path,
      seed,
      signal: ending.signal,
      onProgress: (done, total) => progress.show(done / total, `${(done / mebibyte).toFixed(0)} MiB`),
    });
    progress.clear();
    process.stdout.write(
      `${relative(process.cwd(), path)}  ${(bytes / mebibyte).toFixed(0)} MiB, shape of ${shape.like}\n`,
    );
  } catch (error) {
    if (ending.exitCode === undefined) throw error;
    process.exitCode = ending.exitCode;
  } finally {
    progress.clear();
    ending.dispose();
  }
}
