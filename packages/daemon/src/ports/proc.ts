// Owns reading Linux's /proc: listening sockets by inode, and the processes that hold those inodes.
import { readdir, readFile, readlink } from "node:fs/promises";
import type { PortHolder } from "./ports.ts";

/** A listening TCP socket; the inode links it to a process. */
export interface ListeningSocket {
  readonly port: number;
  readonly inode: string;
}

const listenState = "0A";
const commandCharsLimit = 200;

/** Reads the text of /proc/net/tcp or tcp6 and keeps the sockets that listen. */
export function parseProcNetTcp(text: string): ListeningSocket[] {
  return text.split("\n").flatMap((line) => {
    // sl, local_address, rem_address, st, tx:rx queues, timer, retransmits, uid, timeout, inode
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state !== listenState || local === undefined || inode === undefined) return [];
    return [{ port: Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16), inode }];
  });
}

export async function procHolder(port: number): Promise<PortHolder | undefined> {
  const sockets = await listeningSockets();
  const inodes = new Set(sockets.filter((socket) => socket.port === port).map((socket) => socket.inode));
  if (inodes.size === 0) return undefined;
  for (const pid of await processIds()) {
    const held = await socketInodesOf(pid);
    if (held.some((inode) => inodes.has(inode))) return { pid, command: await commandOf(pid) };
  }
  return undefined;
}

export async function procPorts(pids: readonly number[]): Promise<number[]> {
  const held = new Set<string>();
  for (const pid of pids) for (const inode of await socketInodesOf(pid)) held.add(inode);
  const sockets = await listeningSockets();
  const ports = new Set(sockets.filter((socket) => held.has(socket.inode)).map((socket) => socket.port));
  return [...ports].sort((a, b) => a - b);
}

async function listeningSockets(): Promise<ListeningSocket[]> {
  // A kernel without IPv6 does not have the file tcp6.
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => textOrNothing(path)));
  return tables.flatMap(parseProcNetTcp);
}

async function processIds(): Promise<number[]> {
  const names = await readdir("/proc");
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** Returns the inodes of a process's sockets; none for a process of another user or a process that has just exited. */
async function socketInodesOf(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const fds = await readdir(folder).catch(() => []);
  const targets = await Promise.all(fds.map((fd) => readlink(`${folder}/${fd}`).catch(() => "")));
  return targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
}

async function commandOf(pid: number): Promise<string> {
  const commandLine = (await textOrNothing(`/proc/${pid}/cmdline`)).replaceAll("\0", " ").trim();
  const command = commandLine === "" ? (await textOrNothing(`/proc/${pid}/comm`)).trim() : commandLine;
  return command.slice(0, commandCharsLimit);
}

function textOrNothing(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
