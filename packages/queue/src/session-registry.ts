// Owns the running stream of each session. The caller of `claim` ends the superseded stream.

export interface SessionRegistry {
  /** Makes this stream the session's stream. */
  claim(session: string, streamId: string): void;
  /** Removes the session, unless a newer stream holds it. */
  release(session: string, streamId: string): void;
  current(session: string): string | undefined;
  /** Number of sessions with a stream. */
  readonly size: number;
}

export function createSessionRegistry(): SessionRegistry {
  const streams = new Map<string, string>();
  return {
    claim: (session, streamId) => void streams.set(session, streamId),
    release(session, streamId) {
      if (streams.get(session) === streamId) streams.delete(session);
    },
    current: (session) => streams.get(session),
    get size() {
      return streams.size;
    },
  };
}
