// Owns the command models:synth: its options, and where a made-up model goes.
import { relative } from "node:path";
import { repositoryPath } from "@waggle/harness";
import { shapeNamed, shapes, writeRandomModel } from "@waggle/synth";
import type { Command as Program } from "commander";

const mebibyte = 1_048_576;

export function addModelsSynth(program: Program): void {
  program
    .command("models:synth")
    .description(
      "write a model with random weights in the shape of a real one, in Q8_0: the same computing, no download, no sense",
    )
    .option("--shape <name>", shapes.map(({ name, like }) => `${name} (${like})`).join(", "), "135m")
    .option("--out <path>", "the file to write (default: .waggle/models/synth-<shape>-q8_0.gguf, which git ignores)")
    .action((flags: { readonly shape: string; readonly out?: string }) => {
      const shape = shapeNamed(flags.shape);
      const path = flags.out ?? repositoryPath(`.waggle/models/synth-${shape.name}-q8_0.gguf`);
      const mib = (writeRandomModel(shape, path) / mebibyte).toFixed(0);
      process.stdout.write(`${relative(process.cwd(), path)}  ${mib} MiB, shape of ${shape.like}\n`);
    });
}
