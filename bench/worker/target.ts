// Owns the servers under load: their address, dialect and process; and the sentences that describe the method of measurement.
import { arch, availableParallelism, cpus, platform } from "node:os";
import { completionsDialect, nativeDialect, type LoadTarget } from "@waggle/testing/harness";
import { findPortHolder } from "@waggle/daemon/ports";

export interface Target extends LoadTarget {
  /** The process that listens at the address; undefined for a server on another machine. */
  readonly pid: number | undefined;
  /** The server's description of itself, for the report. */
  readonly about: string;
  /** Context of a slot in tokens, if the server reports it. */
  readonly contextSize: number | undefined;
}

export interface TargetAddress {
  readonly url: string;
  /** How this worker differs from the first one: an environment variable, such as "NAME=value", another program, or not at all. */
  readonly change?: string;
}

const askTimeoutMs = 5_000;
const loopbackNames = ["localhost", "127.0.0.1", "[::1]"];

/** Asks each server what it is. A server that is not a Waggle worker is taken for an OpenAI-compatible one. The targets are named A, B, C … */
export async function openTargets(addresses: readonly TargetAddress[]): Promise<readonly [Target, ...Target[]]> {
  const [first, ...others] = await Promise.all(addresses.map(openTarget));
  if (first === undefined) throw new Error("Cannot measure: there is no server");
  return [first, ...others];
}

async function openTarget({ url, change }: TargetAddress, index: number): Promise<Target> {
  const name = String.fromCharCode("A".charCodeAt(0) + index);
  const { origin, hostname, port } = new URL(url);
  const holder = loopbackNames.includes(hostname) ? await findPortHolder(Number(port)) : undefined;
  const where = { name, url: origin, pid: holder?.pid };
  const info = await ask(`${origin}/v1/info`);
  if (info !== undefined && "worker_id" in info) {
    const { engine_build, engine_binding, threads, slots, context_size } = info;
    const engine = [engine_build, engine_binding, "engine"].filter((word) => typeof word === "string").join(" ");
    const facts = [engine, `${String(threads)} threads`, `${String(slots)} slots`];
    const about = ["Waggle", ...facts, ...(change === undefined ? [] : [change])].join(", ");
    return { ...where, dialect: nativeDialect, about, contextSize: Number(context_size) };
  }
  const props = await ask(`${origin}/props`);
  const settings = props?.["default_generation_settings"] as { n_ctx?: number } | undefined;
  const about =
    props === undefined ? "an OpenAI-compatible server" : `llama-server, ${String(props["total_slots"])} slots`;
  return { ...where, dialect: completionsDialect, about, contextSize: settings?.n_ctx };
}

async function ask(url: string): Promise<Record<string, unknown> | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(askTimeoutMs) });
    return response.ok ? ((await response.json()) as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Describes how the figures were measured. @param loads load averages of the cases */
export function methodOf(model: string, rounds: number, targets: readonly Target[], loads: readonly number[]): string {
  const cpu = cpus()[0]?.model.trim() ?? `${platform()} ${arch()}`;
  const load = `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`;
  return [
    ...targets.map(({ name, about }) => `${name}: ${about}`),
    `Medians of ${rounds} ${rounds === 1 ? "round" : "rounds"}${targets.length > 1 ? ", in which the servers alternate" : ""}. Model: ${model}. ` +
      `${availableParallelism()} cores (${cpu}), Node ${process.version}; the load client is one process on the same cores. ` +
      `Load average ${load}.`,
  ].join("\n");
}
