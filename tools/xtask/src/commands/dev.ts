// Owns the command dev: runs a hive, workers and optional gateways side by side in one terminal. One Ctrl-C ends all of them.
import { integerOf, mostPort, startNats } from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { painter } from "../lib/report.ts";
import { runSideBySide, type Neighbour, type Start } from "../lib/side-by-side.ts";

interface Flags {
  readonly workers: string;
  readonly port: string;
  readonly hivePort: string;
  readonly nats?: true;
  readonly gateways: string;
  readonly gatewayPort: string;
}

const gatewaysLimit = 8;
/** Limit for the number of workers. Each worker holds its model in memory, so more than a few workers need a large machine. */
const workersLimit = 32;
const colours: readonly Neighbour["colour"][] = ["cyan", "green", "magenta", "blue"];
const nameWidth = 7;

export function addDev(command: Program): void {
  command
    .option("--workers <n>", `number of workers, 1 to ${workersLimit}`, "1")
    .option("--port <n>", "port of the first worker, then consecutive ports; 0 picks free ports", "7711")
    .option("--hive-port <n>", "port of the hive; 0 picks a free port", "7700")
    .option("--nats", "start nats-server and gateways too: one address for all workers")
    .option("--gateways <n>", `number of gateways with --nats, 1 to ${gatewaysLimit}`, "1")
    .option("--gateway-port <n>", "port of the first gateway, then consecutive ports; 0 picks free ports", "7710")
    .argument("[worker-flags...]", "flags for every worker, after --, such as --model x.gguf --slots 4")
    .action(dev);
}

interface Running {
  readonly name: string;
  readonly url: string;
}

async function dev(workerFlags: readonly string[], flags: Flags): Promise<void> {
  const firstPort = integerOf("--port", flags.port, 0, mostPort);
  const firstGateway = integerOf("--gateway-port", flags.gatewayPort, 0, mostPort);
  const count = integerOf("--workers", flags.workers, 1, workersLimit);
  const gatewayCount = flags.nats === true ? integerOf("--gateways", flags.gateways, 1, gatewaysLimit) : 0;
  await runSideBySide(async (start, groups) => {
    const fleet = flags.nats === true ? ["--nats-url", (await startNats(groups)).url] : [];
    const hiveFlags = ["--port", flags.hivePort, ...fleet];
    const hive = await start({ daemon: "hive", label: "hive", colour: "yellow", flags: hiveFlags });
    const gateways = await startSeveral(start, gatewayCount, (i) => ({
      ...{ daemon: "gateway", label: `gate-${i + 1}`, colour: "blue" },
      flags: [...portOf(firstGateway, i), "--gateway-id", `gate-${i + 1}`, ...fleet],
    }));
    const workers = await startSeveral(start, count, (i) => {
      const label = count === 1 ? "worker" : `bee-${i + 1}`;
      const id = count === 1 ? [] : ["--heartbeat-interval", "2s", "--worker-id", label];
      return {
        ...{ daemon: "worker", label, colour: colours[i % colours.length] ?? "cyan" },
        flags: [...portOf(firstPort, i), "--hive-url", hive, ...fleet, ...id, ...workerFlags],
      };
    });
    greet(hive, workers, gateways);
  });
}

function portOf(first: number, i: number): readonly string[] {
  return ["--local-mode", "--port", String(first === 0 ? 0 : first + i)];
}

/** Starts the workers one after the other, because loading several models at once slows down each load. */
async function startSeveral(start: Start, count: number, neighbour: (i: number) => Neighbour): Promise<Running[]> {
  const running: Running[] = [];
  for (let i = 0; i < count; i += 1) {
    const one = neighbour(i);
    running.push({ name: one.label, url: await start(one) });
  }
  return running;
}

function greet(hive: string, workers: readonly Running[], gateways: readonly Running[]): void {
  const bold = (text: string): string => painter(process.stdout)("bold", text);
  const line = ({ name, url }: Running, more = ""): string => `  ${name.padEnd(nameWidth)} ${bold(url)}${more}\n`;
  const lines = [
    line({ name: "hive", url: hive }, "  page with all workers"),
    ...workers.map((worker) => line(worker)),
    ...gateways.map((gateway) => line(gateway, "  address for all workers")),
  ];
  process.stdout.write(`\n${lines.join("")}\n`);
  const [first] = [...gateways, ...workers];
  if (first === undefined) return;
  process.stdout.write(`  ${first.url}/status shows the status\n\n`);
  const body = `'{"prompt": "Once upon a time", "max_tokens": 60}'`;
  process.stdout.write(`  curl -N ${first.url}/v1/inference -H 'content-type: application/json' -d ${body}\n`);
  process.stdout.write(`  curl -N ${hive}/v1/heartbeats/stream\n\n`);
}
