// Owns a machine that the network is cut off from: a separate namespace, whose only way out is a cable that can be pulled. Linux alone, as root.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Command } from "@waggle/testing/harness";

export interface OtherMachine extends AsyncDisposable {
  /** Under which it reaches us. */
  readonly ourAddress: string;
  /** The same command, run there. */
  command(own: Command): Command;
  /** Packets are lost in both directions, without an error for either side. */
  cut(): Promise<void>;
  mend(): Promise<void>;
}

const run = promisify(execFile);

/** Undefined where this process may not make one. */
export async function createOtherMachine(): Promise<OtherMachine | undefined> {
  const name = `waggle-${process.pid}`;
  const [ours, theirs] = [`wg${process.pid}a`, `wg${process.pid}b`];
  // An unused network, another one for each run.
  const network = `10.213.${process.pid % 256}`;
  const ip = async (...args: string[]): Promise<void> => void (await run("ip", args));
  try {
    await ip("netns", "add", name);
  } catch {
    return undefined;
  }
  const dispose = async (): Promise<void> => {
    await ip("netns", "del", name).catch(() => {});
    await ip("link", "del", ours).catch(() => {});
  };
  try {
    await ip("link", "add", ours, "type", "veth", "peer", "name", theirs);
    await ip("link", "set", theirs, "netns", name);
    await ip("addr", "add", `${network}.1/24`, "dev", ours);
    await ip("link", "set", ours, "up");
    await ip("-n", name, "addr", "add", `${network}.2/24`, "dev", theirs);
    await ip("-n", name, "link", "set", theirs, "up");
    await ip("-n", name, "link", "set", "lo", "up");
  } catch {
    await dispose();
    return undefined;
  }
  return {
    ourAddress: `${network}.1`,
    command: (own) => ["ip", "netns", "exec", name, ...own],
    cut: async () => await ip("-n", name, "link", "set", theirs, "down"),
    mend: async () => await ip("-n", name, "link", "set", theirs, "up"),
    [Symbol.asyncDispose]: dispose,
  };
}
