// Runs a command without a network: in a network namespace with only a loopback, if the system permits one.
import { networkInterfaces } from "node:os";
import { execa } from "execa";

/** Whether the machine has no network interface but loopback. */
export function isOffline(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): boolean {
  return Object.values(interfaces).every((addresses = []) => addresses.every(({ internal }) => internal));
}

/** Enables the loopback, which is down in a new namespace, and then replaces the shell by the command, with the same process id. */
const loopbackUp = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

/** For root, and for a user who may create user namespaces. */
const ways = [
  ["unshare", "--net"],
  ["unshare", "--map-root-user", "--net"],
];

/** Returns the words before a command that run it without a network; undefined when the system permits neither way. */
export async function offlinePrefix(): Promise<readonly [string, ...string[]] | undefined> {
  for (const way of ways) {
    const [file, ...args] = [...way, ...loopbackUp] as [string, ...string[]];
    const { failed } = await execa(file, [...args, "true"], { reject: false, stdio: "ignore" });
    if (!failed) return [file, ...args];
  }
  return undefined;
}
