// Detects whether the process that uses a folder, or a file in it, still lives. A process id is not enough: in another PID namespace it may belong to another
// process or to no process. So the owner listens on a socket in the folder, and the kernel refuses connections to it as soon as the owner
// is dead, in every namespace. `flock` would need native code, and a file that the owner touches would only look old after minutes.
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";

const defaultName = "lock";
/** Longest socket path that every system supports. A system cuts off a longer path without an error; the rest then names another file. */
const maxPathBytes = 103;
/** The kernel accepts or refuses a connection at once, even while the owner is stopped. After a timeout the lock counts as held. */
const answerTimeoutMs = 1_000;

export interface FolderLock {
  release(): void;
}

/** Makes no lock on a system without such sockets, or when the path is too long. @returns undefined if the file of the lock exists */
export async function lockFolder(folder: string, name = defaultName): Promise<FolderLock | undefined> {
  const path = join(folder, name);
  if (!canLock(path)) return { release: () => {} };
  const server = createServer((connection) => connection.destroy());
  server.unref();
  server.listen(path);
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
  }
  server.on("error", () => {});
  return { release: () => server.close() };
}

/** Like `lockFolder`, in place of an owner that has died. On a disk that is read-only it makes no lock. @returns undefined if a process has the lock */
export async function takeLock(folder: string, name = defaultName): Promise<FolderLock | undefined> {
  const state = await lockStateOf(folder, name);
  if (state === "held") return undefined;
  try {
    if (state === "dropped") rmSync(join(folder, name), { force: true });
  } catch {
    return { release: () => {} };
  }
  return await lockFolder(folder, name);
}

/** `unlocked`: the folder never had a lock, or the lock cannot be tested. */
export async function lockStateOf(folder: string, name = defaultName): Promise<"held" | "dropped" | "unlocked"> {
  const path = join(folder, name);
  if (!canLock(path)) return "unlocked";
  const socket = connect(path);
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(answerTimeoutMs) });
    return "held";
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case "ECONNREFUSED":
        return "dropped";
      // The owner lives: its queue of connections is full, or it did not answer in time.
      case "EAGAIN":
      case "ABORT_ERR":
        return "held";
      default:
        return "unlocked";
    }
  } finally {
    socket.on("error", () => {});
    socket.destroy();
  }
}

function canLock(path: string): boolean {
  return Buffer.byteLength(path) <= maxPathBytes;
}
