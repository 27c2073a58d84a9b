// Owns whether the process that made a folder still lives. A process id cannot tell: it means another process, or none,
// in another PID namespace. So the owner listens on a socket in the folder, and the kernel refuses connections to it from
// the moment the owner is dead, whatever namespace is asking. A lock by `flock` would need native code; a file that the owner touches would
// need minutes of patience.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";

const fileName = "lock";
/** Longest path of a socket on every system; a longer one would be cut off without an error, and name another file. */
const maxPathBytes = 103;
/** A connection is made or refused at once, also while the owner is stopped; a longer wait counts as no answer. */
const answerTimeoutMs = 1_000;

export interface FolderLock {
  release(): void;
}

/** On a system without such sockets, or with too long a path, the folder has no lock. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  if (!hasRoomForLock(folder)) return { release: () => {} };
  const server = createServer((connection) => connection.destroy());
  server.unref();
  server.listen(join(folder, fileName));
  await once(server, "listening").catch(() => {});
  server.on("error", () => {});
  return { release: () => server.close() };
}

/** `unlocked`: there never was a lock, or it cannot be tested. */
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
      // The owner lives: more processes connect at the same time than it has accepted, or it did not answer in time.
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
