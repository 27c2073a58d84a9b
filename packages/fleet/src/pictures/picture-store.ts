// Owns the pictures of jobs and questions on NATS. A gateway writes each picture in pieces, workers read them, and the gateway deletes them when the
// job has ended. Each job has its own copy: no client can reach a picture by its hash, and no count of users decides when it goes. Decision 110.
import { createHash } from "node:crypto";
import { createShares } from "@waggle/async";
import type { Shares } from "@waggle/async";
import type { Picture } from "@waggle/engine";
import { errorReason } from "@waggle/daemon/terminal";
import { WaggleError } from "@waggle/protocol";
import type { Connected, MemberContext } from "../nats/connection.ts";
import { attempt, isStreamFull, natsRetryAfterS } from "../nats/nats-errors.ts";
import { picturesStream, subjects } from "../nats/names.ts";
import { mostBytesOf } from "../nats/publish.ts";
import { picturesAgeMs } from "../nats/topology.ts";
import type { StoredPicture, StoredPictures } from "../queue/records.ts";

/** Bytes of a piece. The other messages of a gateway wait while NATS takes a piece. */
const pieceBytes = 256 * 1024;
/** How long NATS may take to store or to send a piece. */
const pieceTimeoutMs = 5_000;
/** Maximum number of bytes of the pictures of one job or question. */
export const mostPictureBytes = 64 * 1024 * 1024;

export interface PutOptions {
  readonly client: string;
  /** Aborts with a WaggleError. */
  readonly signal: AbortSignal;
}

export interface PictureStoreOptions extends Pick<MemberContext, "connection" | "clock" | "log"> {
  /** Share of the store that one client may fill. */
  readonly clientShare: number;
}

export interface PictureStore {
  /**
   * Stores the pictures. They replace those that have the key already.
   * @throws WaggleError resource_exhausted while the store is full, or the client's share of it; unavailable; the signal's reason
   */
  put(key: string, pictures: readonly Picture[], how: PutOptions): Promise<void>;
  /** Deletes the pictures. Never throws: what remains is deleted by its age. */
  remove(key: string): Promise<void>;
}

/** Names pictures in a message. @throws WaggleError payload_too_large if a fleet does not take them */
export function storedPictures(key: string, pictures: readonly Picture[]): StoredPictures {
  const files = pictures.map(({ sha256, bytes }) => ({ sha256, size: bytes.length }));
  requireSizes(files);
  return { key, files };
}

function requireSizes(files: readonly StoredPicture[]): void {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (bytes <= mostPictureBytes) return;
  throw new WaggleError(
    "payload_too_large",
    `Cannot hand the request to the fleet: its pictures have ${bytes} bytes, and a fleet takes ${mostPictureBytes}. Send fewer or smaller pictures.`,
  );
}

export function createPictureStore({ connection, clock, log, clientShare }: PictureStoreOptions): PictureStore {
  let last: Promise<unknown> = Promise.resolve();
  let shares: Shares | undefined;
  /** What this gateway has stored, the oldest first. */
  const entries = new Map<string, { readonly client: string; readonly bytes: number; readonly since: number }>();

  /** @throws WaggleError resource_exhausted */
  async function hold(key: string, pictures: readonly Picture[], client: string): Promise<void> {
    const { config } = await connection.use().jsm.streams.info(picturesStream);
    shares ??= createShares(config.max_bytes, clientShare);
    release(key);
    // NATS has deleted these. Another gateway took over their jobs, so this gateway was not asked to remove them.
    for (const [old, { since }] of entries) if (clock.now() - since > picturesAgeMs) release(old);
    const bytes = pictures.reduce((sum, picture) => sum + picture.bytes.length, 0);
    // NATS itself refuses pictures when the store is full: it knows those of other gateways.
    if (shares.limitFor(client, bytes) === "client_share") {
      throw new WaggleError(
        "resource_exhausted",
        `Cannot accept the pictures: this client's jobs would have more than ${shares.clientCapacity} bytes in the fleet's store of pictures. Retry in ${natsRetryAfterS} s.`,
        { retryAfterS: natsRetryAfterS },
      );
    }
    shares.add(client, bytes);
    entries.set(key, { client, bytes, since: clock.now() });
  }

  function release(key: string): void {
    const entry = entries.get(key);
    if (entry !== undefined) shares?.add(entry.client, -entry.bytes);
    entries.delete(key);
  }

  /** Sends one piece at a time, so that heartbeats and jobs wait for one piece at most. Uploads alternate. */
  async function inTurn(send: () => Promise<void>): Promise<void> {
    const sent = last.then(send);
    last = sent.catch(() => {});
    await sent;
  }

  async function putPiece(subject: string, piece: Uint8Array): Promise<void> {
    try {
      await connection.use().js.publish(subject, piece, { timeout: pieceTimeoutMs });
    } catch (error) {
      if (!isStreamFull(error)) throw error;
      throw new WaggleError(
        "resource_exhausted",
        "Cannot accept the pictures: the fleet's store of pictures is full.",
        {
          retryAfterS: natsRetryAfterS,
          cause: error,
        },
      );
    }
  }

  return {
    put: async (key, pictures, { client, signal }) =>
      await attempt("store the pictures", async () => {
        await hold(key, pictures, client);
        const length = Math.max(1, Math.min(pieceBytes, mostBytesOf(connection.use().nc)));
        for (const { sha256, bytes } of pictures) {
          for (let from = 0, index = 0; from < bytes.length; from += length, index += 1) {
            const piece = bytes.subarray(from, from + length);
            await inTurn(async () => {
              signal.throwIfAborted();
              await putPiece(subjects.piece(key, sha256, index), piece);
            });
          }
        }
      }),
    async remove(key) {
      release(key);
      try {
        await connection.use().jsm.streams.purge(picturesStream, { filter: subjects.pictures(key) });
      } catch (error) {
        log.debug({ reason: errorReason(error) }, "fleet_purge_failed");
      }
    },
  };
}

/**
 * Reads the pictures of a job or a question.
 * @throws WaggleError engine_failed if NATS no longer has a picture; unavailable when NATS does not answer; the signal's reason
 */
export async function readPictures(
  connected: Pick<Connected, "jsm">,
  { key, files }: StoredPictures,
  signal: AbortSignal,
): Promise<readonly Picture[]> {
  requireSizes(files);
  const pictures: Picture[] = [];
  for (const [number, { sha256, size }] of files.entries()) {
    const missing = new WaggleError(
      "engine_failed",
      `Cannot read picture ${number + 1}: the fleet does not have it any more. Send the request again.`,
    );
    const bytes = new Uint8Array(size);
    const hash = createHash("sha256");
    for (let at = 0, index = 0; at < size; index += 1) {
      signal.throwIfAborted();
      const subject = subjects.piece(key, sha256, index);
      const piece = await attempt("read the pictures", async () => await readPiece(connected, subject));
      if (piece === undefined || piece.length === 0 || at + piece.length > size) throw missing;
      bytes.set(piece, at);
      hash.update(piece);
      at += piece.length;
    }
    if (hash.digest("hex") !== sha256) throw missing;
    pictures.push({ sha256, bytes });
  }
  return pictures;
}

async function readPiece({ jsm }: Pick<Connected, "jsm">, subject: string): Promise<Uint8Array | undefined> {
  const query = { last_by_subj: subject };
  const found =
    (await jsm.direct.getMessage(picturesStream, query)) ??
    // A replica of the stream may not have the piece yet. Its leader has it, and takes three times as long to send it.
    (await jsm.streams.getMessage(picturesStream, query));
  return found?.data;
}
