// Owns the commands dev and fleet: a hive and one worker or several side by side in one terminal, ended by one Ctrl-C.
import type { Command as Program } from "commander";
import { integerOf, mostPort } from "../lib/options.ts";
import { painter } from "../lib/report.ts";
import { runSideBySide, type Neighbour, type Start } from "../lib/side-by-side.ts";

interface Flags {
  readonly workers: string;
  readonly port: string;
  readonly hivePort: string;
}

/** Each worker holds a model of its own, so more than a few need a large machine. */
const workersLimit = 32;
const colours: readonly Neighbour["colour"][] = ["cyan", "green", "magenta", "blue"];
const nameWidth = 7;

export function addDev(program: Program): void {
  program
    .command("dev")
    .description("run a hive and a worker side by side; Ctrl-C ends both, a second one at once")
    .option("--port <n>", "the worker's port; 0 picks a free one", "7711")
    .option("--hive-port <n>", "the hive's port; 0 picks a free one", "7700")
    .argument("[worker-flags...]", "after --: flags for the worker, such as --model x.gguf --slots 4")
    .action(dev);
}

export function addFleet(program: Program): void {
  program
    .command("fleet")
    .description("run a hive and several workers in one terminal; Ctrl-C ends all, a second one at once")
    .option("--workers <n>", `how many, 1 to ${workersLimit}`, "3")
    .option("--port <n>", "the first worker's port, the others follow; 0 picks free ones", "7711")
    .option("--hive-port <n>", "the hive's port; 0 picks a free one", "7700")
    .argument("[worker-flags...]", "after --: flags for every worker, such as --backend fake --slots 4")
    .action(fleet);
}

async function dev(workerFlags: readonly string[], { port, hivePort }: Omit<Flags, "workers">): Promise<void> {
  await runSideBySide(async (start) => {
    const hiveUrl = await startHive(start, hivePort);
    const network = ["--local-mode", "--port", port, "--hive-url", hiveUrl, "--heartbeat-interval", "5s"];
    const url = await start({ daemon: "worker", label: "worker", colour: "cyan", flags: [...network, ...workerFlags] });
    const body = `'{"prompt": "Once upon a time", "max_tokens": 60}'`;
    greet([
      ["worker", url, `its chat; ${url}/status shows how it is`],
      ["hive", hiveUrl, "its page"],
    ]);
    process.stdout.write(`  curl -N ${url}/v1/inference -H 'content-type: application/json' -d ${body}\n`);
    process.stdout.write(`  curl -N ${hiveUrl}/v1/heartbeats/stream\n\n`);
  });
}

async function fleet(workerFlags: readonly string[], flags: Flags): Promise<void> {
  const workers = integerOf("--workers", flags.workers, 1, workersLimit);
  const firstPort = integerOf("--port", flags.port, 0, mostPort);
  await runSideBySide(async (start) => {
    const hiveUrl = await startHive(start, flags.hivePort);
    const lines: Line[] = [["hive", hiveUrl, "shows them all"]];
    // One after the other: loading several models at once only makes each of them slower.
    for (let i = 0; i < workers; i++) {
      const name = `bee-${i + 1}`;
      const port = String(firstPort === 0 ? 0 : firstPort + i);
      const network = ["--local-mode", "--port", port, "--hive-url", hiveUrl, "--heartbeat-interval", "2s"];
      const colour = colours[i % colours.length] ?? "cyan";
      const workerId = ["--worker-id", name];
      const url = await start({
        daemon: "worker",
        label: name,
        colour,
        flags: [...network, ...workerId, ...workerFlags],
      });
      lines.push([name, url, ""]);
    }
    greet(lines);
  });
}

function startHive(start: Start, port: string): Promise<string> {
  return start({ daemon: "hive", label: "hive", colour: "yellow", flags: ["--port", port] });
}

type Line = readonly [name: string, url: string, about: string];

function greet(lines: readonly Line[]): void {
  const paint = painter(process.stdout);
  const text = lines.map(([name, url, about]) =>
    `  ${name.padEnd(nameWidth)} ${paint("bold", url)}  ${about}`.trimEnd(),
  );
  process.stdout.write(`\n${text.join("\n")}\n\n`);
}
