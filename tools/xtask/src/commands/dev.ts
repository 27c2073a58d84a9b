// Owns the command dev: a hive and a worker side by side in one terminal, ended by one Ctrl-C.
import type { Command as Program } from "commander";
import { painter } from "../lib/report.ts";
import { runSideBySide } from "../lib/side-by-side.ts";

interface Flags {
  readonly port: string;
  readonly hivePort: string;
}

export function addDev(program: Program): void {
  program
    .command("dev")
    .description("run a hive and a worker side by side; Ctrl-C ends both, a second one at once")
    .option("--port <n>", "the worker's port; 0 picks a free one", "7711")
    .option("--hive-port <n>", "the hive's port; 0 picks a free one", "7700")
    .argument("[worker-flags...]", "after --: flags for the worker, such as --model x.gguf --slots 4")
    .action(dev);
}

async function dev(workerFlags: readonly string[], flags: Flags): Promise<void> {
  await runSideBySide(async (start) => {
    const hiveUrl = await start({ daemon: "hive", label: "hive", colour: "yellow", flags: ["--port", flags.hivePort] });
    const network = ["--local-mode", "--port", flags.port, "--hive-url", hiveUrl, "--heartbeat-interval", "5s"];
    const url = await start({ daemon: "worker", label: "worker", colour: "cyan", flags: [...network, ...workerFlags] });
    greet(hiveUrl, url);
  });
}

function greet(hiveUrl: string, workerUrl: string): void {
  const paint = painter(process.stdout);
  const body = `'{"prompt": "Once upon a time", "max_tokens": 60}'`;
  process.stdout.write(
    [
      "",
      `  worker  ${paint("bold", workerUrl)}  its chat; ${workerUrl}/status shows how it is`,
      `  hive    ${paint("bold", hiveUrl)}  its page`,
      "",
      `  curl -N ${workerUrl}/v1/inference -H 'content-type: application/json' -d ${body}`,
      `  curl -N ${hiveUrl}/v1/heartbeats/stream`,
      "",
      "",
    ].join("\n"),
  );
}
