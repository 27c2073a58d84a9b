// Owns the running stream of each session. The caller of `claim` ends the superseded stream.

export interface SessionRegistry {
  /** Makes this stream the session's stream, and returns the id of the superseded stream. */
  claim(session: string, streamId: string): string | undefined;
  /** Removes the session if this stream still holds it; false when a newer stream, or no stream, holds it. */
  release(session: string, streamId: string): boolean;
  current(session: string): string | undefined;
  /** Number of sessions with a stream. */
  readonly size: number;
}

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
