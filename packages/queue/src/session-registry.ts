// Owns the running stream of each session. It ends no stream: the caller of `claim` ends the stream that it supersedes.

export interface SessionRegistry {
  /** Makes this the session's stream, and returns the one that it supersedes. The newest claim wins. */
  claim(session: string, streamId: string): string | undefined;
  /** Removes the session if the stream still holds it; false when a newer one does, or no stream does. */
  release(session: string, streamId: string): boolean;
  current(session: string): string | undefined;
  /** Sessions that have a stream. */
  readonly size: number;
}

/** An empty registry. It holds one entry for each claim that was not released. */
export function createSessionRegistry(): SessionRegistry {
  const streams = new Map<string, string>();
  return {
    claim(session, streamId) {
      const superseded = streams.get(session);
      streams.set(session, streamId);
      return superseded === streamId ? undefined : superseded;
    },
    release(session, streamId) {
      return streams.get(session) === streamId && streams.delete(session);
    },
    current: (session) => streams.get(session),
    get size() {
      return streams.size;
    },
  };
}
