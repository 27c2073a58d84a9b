// Owns the number of uploads that a client may send at the same time. Uploads are written to disk, so they do not count as bodies in memory.
import { WaggleError, fileLimits } from "@waggle/protocol";

export interface Uploads {
  /** Runs the upload. @throws WaggleError resource_exhausted if the client already sends as many as it may; what `upload` throws */
  run<T>(client: string, upload: () => Promise<T>): Promise<T>;
}

export function createUploads(): Uploads {
  const running = new Map<string, number>();
  const add = (client: string, more: number): void => {
    const count = (running.get(client) ?? 0) + more;
    if (count === 0) running.delete(client);
    else running.set(client, count);
  };

  return {
    async run(client, upload) {
      if ((running.get(client) ?? 0) >= fileLimits.uploads) {
        const why = `this client already sends ${fileLimits.uploads} uploads`;
        throw new WaggleError("resource_exhausted", `Cannot accept the upload: ${why}.`, { retryAfterS: 1 });
      }
      add(client, 1);
      try {
        return await upload();
      } finally {
        add(client, -1);
      }
    },
  };
}
