// Owns the pictures of jobs and questions on NATS. A gateway writes each picture in pieces, workers read them, and the gateway deletes them when the
// job has ended. Each job has its own copy: no client can reach a picture by its hash, and no count of users decides when it goes. Decision 109.
import { createHash } from "node:crypto";
import { createShares } from "@waggle/async";
import type { Shares } from "@waggle/async";
import type { Picture } from "@waggle/engine";
import { errorReason } from "@waggle/daemon/terminal";
import { WaggleError } from "@waggle/protocol";
import type { MemberContext } from "../broker/member-context.ts";
import { topics } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { picturesAgeMs } from "../broker/stores.ts";
import type { StoredPicture, StoredPictures } from "../queue/records.ts";

/** Bytes of a piece. The other messages of a gateway wait while NATS takes a piece. */
const pieceBytes = 256 * 1024;
/** Seconds until a client may retry what the full store refused. */
const retryAfterS = 2;
/** Maximum number of bytes of the pictures of one job or question. */
export const mostPictureBytes = 64 * 1024 * 1024;

export interface PutOptions {
  readonly client: string;
  /** Aborts with a WaggleError. */
  readonly signal: AbortSignal;
}

export interface PictureStoreOptions extends Pick<MemberContext, "broker" | "clock" | "log"> {
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

export function createPictureStore({ broker, clock, log, clientShare }: PictureStoreOptions): PictureStore {
  let last: Promise<unknown> = Promise.resolve();
  let shares: Shares | undefined;
  /** What this gateway has stored, the oldest first. */
  const entries = new Map<string, { readonly client: string; readonly bytes: number; readonly since: number }>();

  /** @throws WaggleError resource_exhausted */
  async function hold(key: string, pictures: readonly Picture[], client: string): Promise<void> {
    const capacity = await broker.pictures.capacity();
    shares ??= createShares(capacity, clientShare);
    release(key);
    // NATS has deleted these. Another gateway took over their jobs, so this gateway was not asked to remove them.
    for (const [old, { since }] of entries) if (clock.now() - since > picturesAgeMs) release(old);
    const bytes = pictures.reduce((sum, picture) => sum + picture.bytes.length, 0);
    // NATS itself refuses pictures when the store is full: it knows those of other gateways.
    if (shares.limitFor(client, bytes) === "client_share") {
      throw new WaggleError(
        "resource_exhausted",
        `Cannot accept the pictures: this client's jobs would have more than ${shares.clientCapacity} bytes in the fleet's store of pictures. Retry in ${retryAfterS} s.`,
        { retryAfterS },
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

  async function putPiece(topic: string, piece: Uint8Array): Promise<void> {
    if ((await broker.pictures.put(topic, piece)) === "stored") return;
    const full = "Cannot accept the pictures: the fleet's store of pictures is full.";
    throw new WaggleError("resource_exhausted", full, { retryAfterS });
  }

  return {
    async put(key, pictures, { client, signal }) {
      await hold(key, pictures, client);
      const length = Math.max(1, Math.min(pieceBytes, broker.mostBytes));
      for (const { sha256, bytes } of pictures) {
        for (let from = 0, index = 0; from < bytes.length; from += length, index += 1) {
          const piece = bytes.subarray(from, from + length);
          await inTurn(async () => {
            signal.throwIfAborted();
            await putPiece(topics.piece(key, sha256, index), piece);
          });
        }
      }
    },
    async remove(key) {
      release(key);
      try {
        await broker.pictures.remove(topics.pictures(key));
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
  broker: Pick<Broker, "pictures">,
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
      const piece = await broker.pictures.get(topics.piece(key, sha256, index));
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
