// Owns the command fleet: a hive and several workers in one terminal, for looking at.
import { InvalidArgumentError, type Command as Program } from "commander";
import type { Colour } from "../lib/prefixed-logs.ts";
import { painter } from "../lib/report.ts";
import { runSideBySide } from "../lib/side-by-side.ts";

interface Flags {
  readonly workers: number;
  readonly port: number;
  readonly hivePort: string;
}

/** Each worker holds a model of its own, so more than a few need a large machine. */
const workersLimit = 32;
const colours: readonly Colour[] = ["cyan", "green", "magenta", "blue"];

export function addFleet(program: Program): void {
  program
    .command("fleet")
    .description("run a hive and several workers in one terminal; Ctrl-C ends all, a second one at once")
    .option("--workers <n>", `how many, 1 to ${workersLimit}`, integer(1, workersLimit), 3)
    .option("--port <n>", "the first worker's port, the others follow; 0 picks free ones", integer(0, 65_535), 7711)
    .option("--hive-port <n>", "the hive's port; 0 picks a free one", "7700")
    .argument("[worker-flags...]", "after --: flags for every worker, such as --backend fake --slots 4")
    .action(fleet);
}

async function fleet(workerFlags: readonly string[], flags: Flags): Promise<void> {
  await runSideBySide(async (start) => {
    const hiveUrl = await start({ daemon: "hive", label: "hive", colour: "yellow", flags: ["--port", flags.hivePort] });
    const urls: string[] = [];
    // One after the other: loading several models at once only makes each of them slower.
    for (let i = 0; i < flags.workers; i++) {
      const name = `bee-${i + 1}`;
      const port = flags.port === 0 ? 0 : flags.port + i;
      const network = ["--local-mode", "--port", String(port), "--hive-url", hiveUrl, "--heartbeat-interval", "2s"];
      const colour = colours[i % colours.length] ?? "cyan";
      urls.push(
        await start({
          daemon: "worker",
          label: name,
          colour,
          flags: [...network, "--worker-id", name, ...workerFlags],
        }),
      );
    }
    greet(hiveUrl, urls);
  });
}

function greet(hiveUrl: string, workerUrls: readonly string[]): void {
  const { stdout } = process;
  const paint = painter(stdout);
  const workers = workerUrls.map((url, i) => `  ${`bee-${i + 1}`.padEnd(7)} ${url}\n`);
  stdout.write(`\n  hive    ${paint("bold", hiveUrl)}  shows them all\n${workers.join("")}\n`);
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
