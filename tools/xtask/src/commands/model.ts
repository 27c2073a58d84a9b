// Owns the commands below `model`: their options, the path of the made-up model, and the instructions that they print.
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, relative } from "node:path";
import { integerOf, repositoryPath, showProgress } from "@waggle/testing/harness";
import {
  quantizations,
  decoderNamed,
  likeOf,
  scriptedPath,
  shapeNamed,
  shapes,
  pictureShapes,
  writeRandomModel,
  writeScriptedModel,
  writePictureModel,
  type Answer,
  type Quantization,
  type PictureShape,
} from "@waggle/testing/models";
import { Option, type Command as Program } from "commander";

interface SynthFlags {
  readonly shape?: string;
  readonly quantization: Quantization;
  readonly context?: string;
  readonly vision?: PictureShape;
  readonly visionLayers?: number;
  readonly visionWidth?: number;
  readonly visionSize?: number;
  readonly out?: string;
}

interface ScriptFlags {
  readonly template?: string;
  readonly shape?: string;
  readonly quantization: Quantization;
  readonly toolTemplate?: string;
  readonly say?: readonly string[];
  readonly at?: readonly string[];
  readonly context: string;
  readonly out?: string;
}

const folder = ".waggle/models";
const defaultShape = "135m";
const mostContext = 131_072;
const kibibyte = 1_024;
const mebibyte = 1_048_576;
/** No encoder is as large; the encoder's own limits are lower. */
const mostOfEncoder = 65_536;

export function addModelSynth(command: Program): void {
  const sizeOf = (flag: string) => (value: string) => integerOf(flag, value, 1, mostOfEncoder);
  command
    .option(
      "--shape <name>",
      `${shapes.map(({ name, like }) => `${name} (${like})`).join(", ")}; default: ${defaultShape}, a tiny one with --vision`,
    )
    .addOption(new Option("--quantization <type>", "types of the weights").choices(quantizations).default("Q8_0"))
    .option("--context <tokens>", "trained context that the file reports (default: that of the shape)")
    .addOption(
      new Option(
        "--vision <shape>",
        "also write a projector, mmproj-<name of the model>, so that the model reads pictures",
      ).choices(pictureShapes),
    )
    .option(
      "--vision-layers <n>",
      "layers of the encoder; 24 of width 768 take seconds for a picture (default: tiny)",
      sizeOf("--vision-layers"),
    )
    .option("--vision-width <n>", "width of the encoder, a multiple of 64 (default: 64)", sizeOf("--vision-width"))
    .option(
      "--vision-size <pixels>",
      "side to which gemma3, llava and idefics3 scale pictures (default: small)",
      sizeOf("--vision-size"),
    )
    .option("--out <file>", `file to write (default: ${folder}/synth-<shapes>-<type>.gguf, which git ignores)`)
    .action((flags: SynthFlags) =>
      flags.vision === undefined ? synth(flags) : synthPictureModel(flags, flags.vision),
    );
}

export function addModelScript(command: Program): void {
  const oneMore = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];
  command
    .option("--template <file>", "chat template of the model family, a Jinja file (default: plain ChatML)")
    .option("--tool-template <file>", "the family's template for conversations with tools, if it has a separate one")
    .option("--say <text>", "text of an answer, with the family's markers (repeatable)", oneMore)
    .option("--at <tokens>", "prompt length that gets this answer; one --at for each --say, in order", oneMore)
    .option("--context <tokens>", "context in tokens, for prompt and answer; each byte or marker is a token", "4096")
    .option("--shape <name>", "compute as long as a real model of this shape, see synth (default: a tiny model)")
    .addOption(
      new Option("--quantization <type>", "types of the weights, with --shape").choices(quantizations).default("Q8_0"),
    )
    .option("--out <file>", `file to write (default: ${folder}/scripted[-<shape>-<type>].gguf, which git ignores)`)
    .action(script);
}

function synth({ shape: name = defaultShape, quantization, context, out, ...vision }: SynthFlags): void {
  if (Object.keys(vision).length > 0) throw new Error("Cannot use the sizes of an encoder without --vision");
  const shape = shapeNamed(name);
  const path = out ?? repositoryPath(`${folder}/synth-${shape.name}-${quantization.toLowerCase()}.gguf`);
  const bytes = writeRandomModel(
    context === undefined ? shape : { ...shape, context: integerOf("--context", context, 1, mostContext) },
    path,
    { quantization, onProgress: (share) => showProgress(`Writing ${(100 * share).toFixed(0)} %`) },
  );
  showProgress("");
  const file = relative(process.cwd(), path);
  process.stdout.write(`${file}  ${(bytes / mebibyte).toFixed(0)} MiB, ${quantization}, shape of ${shape.like}\n`);
}

function synthPictureModel(flags: SynthFlags, shape: PictureShape): void {
  const { quantization, context, visionLayers, visionWidth, visionSize } = flags;
  const text = flags.shape === undefined ? undefined : decoderNamed(flags.shape);
  const kind = [shape, ...(text === undefined ? [] : [text.name]), quantization.toLowerCase()].join("-");
  const out = flags.out ?? repositoryPath(`${folder}/synth-${kind}.gguf`);
  if (!out.endsWith(".gguf")) throw new Error(`Cannot use --out ${out}: it must end in .gguf`);
  const encoder = {
    ...(visionLayers === undefined ? {} : { layers: visionLayers }),
    ...(visionWidth === undefined ? {} : { width: visionWidth }),
    ...(visionSize === undefined ? {} : { imageSize: visionSize }),
  };
  const written = writePictureModel({
    ...{ folder: dirname(out), name: basename(out, ".gguf"), shape, quantization, encoder },
    ...(text === undefined ? {} : { text }),
    ...(context === undefined ? {} : { context: integerOf("--context", context, 1, mostContext) }),
    onProgress: (share) => showProgress(`Writing ${(100 * share).toFixed(0)} %`),
  });
  showProgress("");
  for (const path of [written.model, written.projector]) {
    const size = `${(statSync(path).size / mebibyte).toFixed(1)} MiB`;
    process.stdout.write(`${relative(process.cwd(), path)}  ${size}, shape of ${likeOf(shape)}\n`);
  }
}

function script(flags: ScriptFlags): void {
  const { template, toolTemplate, quantization } = flags;
  const shape = flags.shape === undefined ? undefined : decoderNamed(flags.shape);
  const path = flags.out ?? repositoryPath(scriptedPath(shape, quantization));
  const model = writeScriptedModel({
    path,
    ...(shape === undefined ? {} : { shape, quantization }),
    onProgress: (share) => showProgress(`Writing ${(100 * share).toFixed(0)} %`),
    ...(template === undefined ? {} : { template: templateIn(template) }),
    ...(toolTemplate === undefined ? {} : { templates: { tool_use: templateIn(toolTemplate) } }),
    context: integerOf("--context", flags.context, 1, mostContext),
    script: answersOf(flags),
  });
  showProgress("");
  const file = relative(process.cwd(), path);
  process.stdout.write(`${file}  ${(model.bytes / kibibyte).toFixed(0)} KiB\n`);
  process.stdout.write(`Markers of this format: ${[...model.markers.keys()].join("  ")}\n\n`);
  process.stdout.write(flags.at !== undefined ? placed(file) : unplaced(file));
}

/** @throws Error that names the file */
function templateIn(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`Cannot read the template ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Returns no answers without `--at`, because their positions depend on the prompt's length. */
function answersOf({ say = [], at }: ScriptFlags): Answer[] {
  if (at === undefined) return [];
  if (at.length !== say.length)
    throw new Error(`Cannot use ${say.length} times --say with ${at.length} times --at: each --say needs one --at`);
  return say.map((text, index) => ({ at: integerOf("--at", at[index] as string, 1, mostContext), say: text }));
}

function unplaced(file: string): string {
  return [
    "The model answers nothing yet. To place an answer, it needs the length of the prompt:",
    `1. Run a worker with it:  npx --yes pnpm@12.21.0 exec waggle-worker --local-mode --model ${file}`,
    "2. Send the worker your request. The answer is empty, and its usage.prompt_tokens is the prompt's length.",
    "3. Run this command again with --say <text> --at <that number>. The running worker then gives this answer.",
    "",
  ].join("\n");
}

function placed(file: string): string {
  return [
    "A worker that runs with this file gives the answer from now on. To start a worker:",
    `npx --yes pnpm@12.21.0 exec waggle-worker --local-mode --model ${file}`,
    "A prompt of another length gets an empty answer; its usage.prompt_tokens is the value for --at.",
    "",
  ].join("\n");
}
