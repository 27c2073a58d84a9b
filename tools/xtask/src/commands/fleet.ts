// Owns the commands dev and fleet: a hive and one worker or several side by side in one terminal, ended by one Ctrl-C.
import { startNats } from "@waggle/harness";
import type { Command as Program } from "commander";
import { integerOf, mostPort } from "../lib/options.ts";
import { painter } from "../lib/report.ts";
import { runSideBySide, type Neighbour } from "../lib/side-by-side.ts";

interface Flags {
  readonly workers?: string;
  readonly port: string;
  readonly hivePort: string;
  readonly nats?: true;
  readonly gateways?: string;
  readonly gatewayPort?: string;
}

const gatewaysLimit = 8;
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
    .action((workerFlags: readonly string[], flags: Flags) =>
      run(flags, [{ name: "worker", flags: workerFlags }], ([url = ""], hiveUrl) => {
        process.stdout.write(`  ${url}/status shows how the worker is\n\n`);
        process.stdout.write(curlLine(url));
        process.stdout.write(`  curl -N ${hiveUrl}/v1/heartbeats/stream\n\n`);
      }),
    );
}

export function addFleet(program: Program): void {
  program
    .command("fleet")
    .description("run a hive and several workers in one terminal; Ctrl-C ends all, a second one at once")
    .option("--workers <n>", `how many, 1 to ${workersLimit}`, "3")
    .option("--port <n>", "the first worker's port, the others follow; 0 picks free ones", "7711")
    .option("--hive-port <n>", "the hive's port; 0 picks a free one", "7700")
    .option("--nats", "with nats-server and gateways: one address for all workers")
    .option("--gateways <n>", `how many with --nats, 1 to ${gatewaysLimit}`, "1")
    .option("--gateway-port <n>", "the first gateway's port, the others follow; 0 picks free ones", "7710")
    .argument("[worker-flags...]", "after --: flags for every worker, such as --backend fake --slots 4")
    .action((workerFlags: readonly string[], flags: Flags) => {
      const count = integerOf("--workers", flags.workers ?? "", 1, workersLimit);
      const workers = Array.from({ length: count }, (_, i) => {
        const name = `bee-${i + 1}`;
        return { name, flags: ["--heartbeat-interval", "2s", "--worker-id", name, ...workerFlags] };
      });
      return run(flags, workers, () => {});
    });
}

async function run(
  { port, hivePort, nats, ...flags }: Flags,
  workers: readonly { readonly name: string; readonly flags: readonly string[] }[],
  greet: (urls: readonly string[], hiveUrl: string) => void,
): Promise<void> {
  const firstPort = integerOf("--port", port, 0, mostPort);
  const bold = (text: string): string => painter(process.stdout)("bold", text);
  const gateways = nats === true ? integerOf("--gateways", flags.gateways ?? "", 1, gatewaysLimit) : 0;
  const firstGateway = integerOf("--gateway-port", flags.gatewayPort ?? "0", 0, mostPort);
  await runSideBySide(async (start, groups) => {
    const fleet = nats === true ? ["--nats-url", (await startNats(groups)).url] : [];
    const hive = { daemon: "hive", label: "hive", colour: "yellow", flags: ["--port", hivePort, ...fleet] } as const;
    const hiveUrl = await start(hive);
    const urls: string[] = [];
    const gates: string[] = [];
    for (let i = 0; i < gateways; i += 1) {
      const ownPort = String(firstGateway === 0 ? 0 : firstGateway + i);
      const own = ["--local-mode", "--port", ownPort, "--gateway-id", `gate-${i + 1}`];
      gates.push(await start({ daemon: "gateway", label: `gate-${i + 1}`, colour: "blue", flags: [...own, ...fleet] }));
    }
    // One after the other: loading several models at once only makes each of them slower.
    for (const [i, { name: label, flags }] of workers.entries()) {
      const ownPort = String(firstPort === 0 ? 0 : firstPort + i);
      const network = ["--local-mode", "--port", ownPort, "--hive-url", hiveUrl];
      const colour = colours[i % colours.length] ?? "cyan";
      urls.push(await start({ daemon: "worker", label, colour, flags: [...network, ...fleet, ...flags] }));
    }
    const lines = workers.map(({ name }, i) => `  ${name.padEnd(nameWidth)} ${bold(urls[i] ?? "")}\n`);
    for (const [i, url] of gates.entries()) {
      lines.push(`  ${`gate-${i + 1}`.padEnd(nameWidth)} ${bold(url)}  all of them\n`);
    }
    process.stdout.write(`\n  ${"hive".padEnd(nameWidth)} ${bold(hiveUrl)}  its page\n${lines.join("")}\n`);
    const [gate] = gates;
    if (gate !== undefined) process.stdout.write(curlLine(gate));
    greet(urls, hiveUrl);
  });
}

/** What to try first. */
function curlLine(url: string): string {
  const body = `'{"prompt": "Once upon a time", "max_tokens": 60}'`;
  return `  curl -N ${url}/v1/inference -H 'content-type: application/json' -d ${body}\n`;
}
