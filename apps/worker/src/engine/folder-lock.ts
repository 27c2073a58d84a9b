// Owns whether the process that made a folder still lives. A process id cannot tell: it means another process, or none,
// in another PID namespace. So the owner listens on a socket in the folder, and the kernel refuses connections to it from
// the moment the owner is dead, whatever namespace is asking (decision 053).
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";

const fileName = "lock";
/** Of a socket's path on every system; a longer one would be cut off without a word, and lie elsewhere. */
const maxPathBytes = 103;
/** A connection is made or refused at once, also while the owner is stopped; an answer that takes longer is none. */
const answerTimeoutMs = 1_000;

export interface FolderLock {
  release(): void;
}

/** Where the system has no such sockets, or the path is too long for one, the folder stays without a lock. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  if (!hasRoomForLock(folder)) return { release: () => {} };
  const server = createServer((connection) => connection.destroy());
  server.unref();
  server.listen(join(folder, fileName));
  await once(server, "listening").catch(() => {});
  server.on("error", () => {});
  return { release: () => server.close() };
}

/** `unlocked`: there never was a lock, or it cannot be asked. */
export async function lockStateOf(folder: string): Promise<"held" | "dropped" | "unlocked"> {
  if (!hasRoomForLock(folder)) return "unlocked";
  const socket = connect(join(folder, fileName));
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(answerTimeoutMs) });
    return "held";
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case "ECONNREFUSED":
        return "dropped";
      // More ask at the same time than its owner, who lives, has accepted; or no answer in time.
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

function hasRoomForLock(folder: string): boolean {
  return Buffer.byteLength(join(folder, fileName)) <= maxPathBytes;
}
