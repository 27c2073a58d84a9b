// Owns running without a network: in a namespace that has a loopback and nothing else, where this system lets us make one.
import { networkInterfaces } from "node:os";
import { execa } from "execa";

/** Nothing but loopback, if even that. */
export function isOffline(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): boolean {
  return Object.values(interfaces).every((addresses = []) => addresses.every(({ internal }) => internal));
}

/** A loopback is down when its namespace is made. The command after it takes the shell's place, and its process id. */
const loopbackUp = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

/** As root, and as anybody who may make a namespace of users. */
const ways = [
  ["unshare", "--net"],
  ["unshare", "--map-root-user", "--net"],
];

/** What goes before a command to run it without a network; undefined where none of it is permitted. */
export async function offlinePrefix(): Promise<readonly [string, ...string[]] | undefined> {
  for (const way of ways) {
    const [file, ...args] = [...way, ...loopbackUp] as [string, ...string[]];
    const { failed } = await execa(file, [...args, "true"], { reject: false, stdio: "ignore" });
    if (!failed) return [file, ...args];
  }
  return undefined;
}
