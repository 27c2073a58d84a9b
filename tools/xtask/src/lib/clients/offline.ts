// Runs a command without a network: in a network namespace with only a loopback, if the system permits such a namespace.
import { networkInterfaces } from "node:os";
import { execa } from "execa";

/** Whether the machine has no network interface but loopback. */
export function isOffline(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): boolean {
  return Object.values(interfaces).every((addresses = []) => addresses.every(({ internal }) => internal));
}

/** Enables the loopback, which is down in a new namespace, then runs the command with `exec`, so that the process id stays the same. */
const loopbackUp = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

/** Commands that create a network namespace: the first for root, the second for a user who may create user namespaces. */
const ways = [
  ["unshare", "--net"],
  ["unshare", "--map-root-user", "--net"],
];

/** Returns a prefix that makes a command run without a network; undefined when the system permits no network namespace. */
export async function offlinePrefix(): Promise<readonly [string, ...string[]] | undefined> {
  for (const way of ways) {
    const [file, ...args] = [...way, ...loopbackUp] as [string, ...string[]];
    const { failed } = await execa(file, [...args, "true"], { reject: false, stdio: "ignore" });
    if (!failed) return [file, ...args];
  }
  return undefined;
}
