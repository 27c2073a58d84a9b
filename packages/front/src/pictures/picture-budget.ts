// Owns the memory limit of the pictures of all waiting and running jobs, and of the requests before their jobs.
import { createShares } from "@waggle/async";
import type { Picture } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";

export interface PictureBudget {
  /**
   * Counts a picture until `release`. A client's equal pictures count once, since agents send each screenshot again with each turn.
   * @throws WaggleError resource_exhausted
   */
  hold(client: string, picture: Picture, name: string): HeldPicture;
  readonly bytes: number;
}

export interface HeldPicture {
  /** The client's copy of the picture that is in memory already, if there is one. */
  readonly picture: Picture;
  /** Called at most once. */
  release(): void;
}

const retryAfterS = 5;

/** @param clientShare share of `maxBytes` that one client may hold */
export function createPictureBudget(maxBytes: number, clientShare: number): PictureBudget {
  interface Entry {
    readonly picture: Picture;
    holders: number;
  }
  /** By client and hash: no client learns whether another client has the same picture. */
  const entries = new Map<string, Entry>();
  const shares = createShares(maxBytes, clientShare);

  function refusal(name: string, whose: string, most: number): WaggleError {
    const why = `the pictures of ${whose} would have more than ${most} bytes (--pictures-total)`;
    return new WaggleError("resource_exhausted", `Cannot accept ${name}: ${why}. Retry in ${retryAfterS} s.`, {
      retryAfterS,
    });
  }

  return {
    hold(client, picture, name) {
      const key = `${client} ${picture.sha256}`;
      const size = picture.bytes.length;
      const entry = entries.get(key) ?? { picture, holders: 0 };
      if (entry.holders === 0) {
        const limit = shares.limitFor(client, size);
        if (limit === "full") throw refusal(name, "all waiting and running jobs", maxBytes);
        if (limit !== undefined) throw refusal(name, "this client's jobs", shares.clientCapacity);
        shares.add(client, size);
        entries.set(key, entry);
      }
      entry.holders += 1;
      return {
        picture: entry.picture,
        release() {
          entry.holders -= 1;
          if (entry.holders > 0) return;
          entries.delete(key);
          shares.add(client, -size);
        },
      };
    },
    get bytes() {
      return shares.total;
    },
  };
}
