// Collects the facts about the ports and the hive.
import { once } from "node:events";
import { connect } from "node:net";
import { deadlineSignal, linkSignals } from "@waggle/async";
import { createHiveClient, createWorkerClient } from "@waggle/client";
import { findPortHolder } from "@waggle/daemon/ports";
import { counted } from "@waggle/daemon/terminal";
import type { HiveFacts, PortFacts } from "./network.ts";

const timeoutMs = 3_000;

export type WantedPort = Pick<PortFacts, "port" | "wantedBy" | "flag">;

export async function probePort(wanted: WantedPort, signal: AbortSignal): Promise<PortFacts> {
  const taken = await answers(wanted.port);
  if (!taken) return { ...wanted, taken, holder: undefined, ours: undefined };
  const holder = await findPortHolder(wanted.port);
  return {
    ...wanted,
    taken,
    holder: holder === undefined ? undefined : `${holder.command} (process ${holder.pid})`,
    ...(await oursAt(wanted.port, signal)),
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1", timeout: timeoutMs });
  try {
    await Promise.race([once(socket, "connect"), once(socket, "timeout")]);
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function oursAt(port: number, signal: AbortSignal): Promise<Pick<PortFacts, "ours" | "isFailed">> {
  const options = { baseUrl: `http://127.0.0.1:${port}`, requestTimeoutMs: timeoutMs };
  try {
    const { model, state } = await createWorkerClient(options).health({ signal });
    return { ours: `a worker with ${model}, ${state}`, isFailed: state === "failed" };
  } catch {
    signal.throwIfAborted();
  }
  try {
    const workers = await createHiveClient(options).workers({ signal });
    return { ours: `a hive of ${counted(workers.length, "worker")}` };
  } catch {
    signal.throwIfAborted();
    return { ours: undefined };
  }
}

/** The time on the machine of a server, by the `Date` of its answers; undefined if it does not answer. */
export async function probeDate(url: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    using limit = deadlineSignal(timeoutMs);
    using either = linkSignals(signal, limit.signal);
    const response = await fetch(new URL("/livez", url), { signal: either });
    await response.body?.cancel();
    return Date.parse(response.headers.get("date") ?? "") || undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** @param url the value of WAGGLE_HIVE_URL */
export async function probeHive(
  url: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly hive: HiveFacts | undefined; readonly dateMs: number | undefined }> {
  if (url === undefined || url === "") return { hive: undefined, dateMs: undefined };
  let dateMs: number | undefined;
  const watchedFetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    dateMs = Date.parse(response.headers.get("date") ?? "") || undefined;
    return response;
  };
  try {
    await createHiveClient({ baseUrl: url, requestTimeoutMs: timeoutMs, fetch: watchedFetch }).workers({ signal });
    return { hive: { url, error: undefined }, dateMs };
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message.replace(/^Cannot reach [^:]+:\/\/\S+: /, "") : String(error);
    return { hive: { url, error: reason }, dateMs };
  }
}
