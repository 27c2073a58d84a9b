// Compares pictures at a worker with llama-server: the same answers, the gaps of other streams while a picture is read, and the second turn.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encodePng, gradientPicture } from "@waggle/pictures/testing";
import {
  guarded,
  integerOf,
  markdownTable,
  median,
  namedOf,
  showProgress,
  type ProcessGroups,
} from "@waggle/testing/harness";
import { decoderNamed, pictureShapes, writePictureModel, type PictureShape } from "@waggle/testing/models";
import { Option, type Command } from "commander";
import { measureGaps, type GapFigures } from "./pictures/gaps.ts";
import { compareAnswers } from "./pictures/same.ts";
import { openLlamaServer, openWorker, type Server } from "./lib/servers.ts";
import { measureTurns } from "./pictures/turns.ts";

interface Flags {
  readonly llamaServer?: string;
  readonly only: readonly string[];
  readonly shapes?: readonly string[];
  readonly text?: string;
  readonly encoderLayers: string;
  readonly encoderWidth: string;
  readonly side: string;
  readonly threads: string;
  readonly rounds: string;
}

const parts = ["same", "gaps", "turns"] as const;

export function addPictures(command: Command): void {
  command
    .option("--llama-server <program>", "llama-server of the same release, to compare with")
    .addOption(new Option("--only <part...>", "measure only these").choices(parts).default(parts))
    .option("--shapes <name...>", `shapes of models: ${pictureShapes.join(", ")} (default: all)`)
    .option("--text <shape>", "sizes of the text model for gaps and turns, such as 135m (default: small)")
    .option("--encoder-layers <n>", "layers of the encoder for gaps", "12")
    .option("--encoder-width <n>", "width of the encoder for gaps", "768")
    .option("--side <pixels>", "sides of the picture for gaps and turns", "640")
    .option("--threads <n>", "threads of each server", "2")
    .option("--rounds <n>", "rounds of gaps and turns; medians are shown", "3")
    .action((flags: Flags) => guarded("bench pictures", (groups) => measure(groups, flags)));
}

async function measure(groups: ProcessGroups, flags: Flags): Promise<void> {
  const shapes = namedOf(
    "Cannot measure shape",
    pictureShapes.map((name) => ({ name })),
    flags.shapes,
  ).map(({ name }) => name);
  const folder = mkdtempSync(join(tmpdir(), "waggle-bench-pictures-"));
  try {
    if (flags.only.includes("same")) await printSame(groups, flags, shapes, folder);
    for (const shape of shapes) await printSpeeds(groups, flags, shape, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const sameSizes = [
  [64, 64],
  [97, 131],
  [320, 200],
] as const;

async function printSame(
  groups: ProcessGroups,
  { llamaServer }: Flags,
  shapes: readonly PictureShape[],
  folder: string,
): Promise<void> {
  if (llamaServer === undefined) throw new Error("Cannot compare answers: name llama-server with --llama-server");
  const rows: string[][] = [];
  for (const shape of shapes) {
    showProgress(`answers of ${shape}`);
    const pngs = sameSizes.map(([width, height], i) => encodePng(gradientPicture(width, height, i + 1)));
    const { promptTokens, same } = await compareAnswers({ groups, folder, shape, program: resolve(llamaServer), pngs });
    rows.push([shape, promptTokens.join(" / "), same.alone, same.batch, same.store, same.resumed]);
  }
  showProgress("");
  const head = [
    "shape",
    "prompt tokens, ours / llama-server",
    "alone",
    "in a batch",
    "from the store",
    "engine killed",
  ];
  process.stdout.write(`Answers that are the same as llama-server's:\n\n${markdownTable(head, rows)}\n\n`);
}

async function printSpeeds(groups: ProcessGroups, flags: Flags, shape: PictureShape, folder: string): Promise<void> {
  const rounds = integerOf("--rounds", flags.rounds, 1, 100);
  const threads = integerOf("--threads", flags.threads, 1, 1_024);
  const side = integerOf("--side", flags.side, 16, 10_000);
  const encoder = {
    layers: integerOf("--encoder-layers", flags.encoderLayers, 1, 100),
    width: integerOf("--encoder-width", flags.encoderWidth, 16, 10_000),
  };
  showProgress(`writing ${shape}`);
  const text = flags.text === undefined ? {} : { text: decoderNamed(flags.text), context: 8_192 };
  const files = writePictureModel({ folder, shape, encoder, ...text });
  const options = { groups, files, slots: 4, threads, contextSize: 4_096, exact: false };
  const openers: readonly (() => Promise<Server>)[] = [
    async () => await openWorker(options),
    ...(flags.llamaServer === undefined
      ? []
      : [async () => await openLlamaServer(resolve(flags.llamaServer ?? ""), options)]),
  ];
  for (const part of ["gaps", "turns"] as const) {
    if (!flags.only.includes(part)) continue;
    const rows: string[][] = [];
    for (const open of openers) {
      const server = await open();
      rows.push(await (part === "gaps" ? gapsRow : turnsRow)(server, rounds, side));
      await server.stop();
    }
    showProgress("");
    const head =
      part === "gaps"
        ? [
            "",
            "usual gap",
            "worst usual gap of each round",
            "p99",
            "worst gap of each round",
            "first token",
            "encoding",
            "pass of embeddings",
          ]
        : ["", "second turn with a picture", "with text", "encoded in first turns", "in second turns"];
    process.stdout.write(
      `${shape}, ${flags.text ?? "small"}, ${threads} threads, ms:\n\n${markdownTable(head, rows)}\n\n`,
    );
  }
}

const ms = (value: number): string => (Number.isNaN(value) ? "–" : value.toFixed(1));

async function gapsRow(server: Server, rounds: number, side: number): Promise<string[]> {
  const figures: GapFigures[] = [];
  for (let round = 0; round < rounds; round += 1) {
    showProgress(`gaps of ${server.name}, round ${round + 1}`);
    figures.push(await measureGaps(server, encodePng(gradientPicture(side, side, round + 1))));
  }
  const of = (pick: (one: GapFigures) => number): string => ms(median(figures.map(pick)));
  return [
    server.name,
    of(({ usualMs }) => usualMs),
    figures.map(({ usualWorstMs }) => ms(usualWorstMs)).join(", "),
    of(({ p99Ms }) => p99Ms),
    figures.map(({ worstMs }) => ms(worstMs)).join(", "),
    of(({ firstTokenMs }) => firstTokenMs),
    of(({ encodeMs }) => encodeMs),
    of(({ passMs }) => passMs),
  ];
}

async function turnsRow(server: Server, rounds: number, side: number): Promise<string[]> {
  showProgress(`turns of ${server.name}`);
  const pngs = Array.from({ length: rounds }, (_, i) => encodePng(gradientPicture(side, side, 100 + i)));
  const { pictureMs, textMs, encodedFirst, encodedSecond } = await measureTurns(server, pngs);
  return [server.name, ms(pictureMs), ms(textMs), String(encodedFirst), String(encodedSecond)];
}
