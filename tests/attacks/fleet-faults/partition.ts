// Owns a network namespace that acts as another machine: it has a single virtual link, which a test can cut. Linux only, as root.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Command } from "@waggle/testing/harness";

export interface OtherMachine extends AsyncDisposable {
  /** Address of this machine, as seen from the namespace. */
  readonly ourAddress: string;
  /** Wraps a command so that it runs in the namespace. */
  command(own: Command): Command;
  /** Cuts the link: packets are lost in both directions, without an error on either side. */
  cut(): Promise<void>;
  mend(): Promise<void>;
}

const run = promisify(execFile);

/** @returns undefined if this process may not create a network namespace */
export async function createOtherMachine(): Promise<OtherMachine | undefined> {
  const name = `waggle-${process.pid}`;
  const [ours, theirs] = [`wg${process.pid}a`, `wg${process.pid}b`];
  // Each run has a different network, to avoid used addresses.
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
