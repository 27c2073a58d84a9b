// Calls lsof on systems without /proc (macOS, the BSDs). No other file of this folder starts a process.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { PortHolder } from "./ports.ts";

const lsofTimeoutMs = 3_000;
const run = promisify(execFile);

interface ListeningProcess extends PortHolder {
  readonly ports: readonly number[];
}

/** Parses lsof's `-F` output: each line is a field that begins with its letter (p: process id, c: command, n: address). */
export function parseLsof(text: string): ListeningProcess[] {
  const processes: { pid: number; command: string; ports: number[] }[] = [];
  for (const line of text.split("\n")) {
    const value = line.slice(1);
    const current = processes.at(-1);
    if (line.startsWith("p")) processes.push({ pid: Number(value), command: "", ports: [] });
    else if (line.startsWith("c") && current !== undefined) current.command = value;
    else if (line.startsWith("n") && current !== undefined) {
      current.ports.push(Number(value.slice(value.lastIndexOf(":") + 1)));
    }
  }
  return processes;
}

export async function lsofHolder(port: number): Promise<PortHolder | undefined> {
  const processes = await lsof([`-iTCP:${port}`, "-sTCP:LISTEN", "-Fpcn"]);
  const [first] = processes.sort((a, b) => a.pid - b.pid);
  return first === undefined ? undefined : { pid: first.pid, command: first.command };
}

export async function lsofPorts(pids: readonly number[]): Promise<number[]> {
  const processes = await lsof(["-a", "-p", pids.join(","), "-iTCP", "-sTCP:LISTEN", "-Fpcn"]);
  return [...new Set(processes.flatMap((process) => process.ports))].sort((a, b) => a - b);
}

async function lsof(args: readonly string[]): Promise<ListeningProcess[]> {
  const limits = { timeout: lsofTimeoutMs, killSignal: "SIGKILL" } as const;
  // lsof exits with 1 when one of several processes has no socket, but still prints the others.
  const { stdout } = await run("lsof", ["-nP", ...args], limits).catch((error: { stdout?: string }) => error);
  return parseLsof(stdout ?? "");
}
