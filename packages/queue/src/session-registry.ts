// Owns which stream of a session may run. Tickets order the requests, so the time that a request takes to prepare is irrelevant. Decision 119.

/** A request's place in the order of arrival at this process. All streams of one request have the same ticket. */
export type Ticket = number;

export interface SessionStream {
  readonly ticket: Ticket;
  /** Whether the stream waits until its older streams have ended. */
  readonly waits: boolean;
  /** Asks the stream to end, because a newer request has the session. */
  supersede(): void;
  /** Called when the session's last older stream has ended. @param cleanly whether the engine has released that stream */
  proceed(cleanly: boolean): void;
}

/** The sessions of all models. */
export interface SessionRegistry<S extends SessionStream = SessionStream> {
  /** Called once for each request, when its head has arrived. */
  drawTicket(): Ticket;
  /** Whether a newer request has the session, so that a stream with this ticket must not begin. */
  isTaken(session: string, ticket: Ticket): boolean;
  /** The streams with older tickets, the oldest first. */
  older(session: string, ticket: Ticket): readonly S[];
  /**
   * Adds a stream. A checked stream ends all older streams. An unchecked stream may still be refused, so it ends only unchecked streams, and
   * waits until it is checked or the older streams have ended.
   */
  enter(session: string, stream: S, checked: boolean): void;
  /** The stream's work is valid: all older streams end. */
  check(session: string, stream: S): void;
  /** Removes an ended stream. @param cleanly whether the engine has released it */
  leave(session: string, stream: S, cleanly: boolean): void;
  /** The newest stream. */
  current(session: string): S | undefined;
  /** Number of sessions with a stream. */
  readonly size: number;
}

interface SessionEntry<S> {
  readonly stream: S;
  checked: boolean;
}

export function createSessionRegistry<S extends SessionStream>(): SessionRegistry<S> {
  /** The places of each session, the oldest first. */
  const sessions = new Map<string, readonly SessionEntry<S>[]>();
  let tickets = 0;

  const placesOf = (session: string): readonly SessionEntry<S>[] => sessions.get(session) ?? [];

  function olderThan(session: string, ticket: Ticket): readonly SessionEntry<S>[] {
    return placesOf(session).filter(({ stream }) => stream.ticket < ticket);
  }

  function check(session: string, stream: S): void {
    const place = placesOf(session).find((one) => one.stream === stream);
    if (place === undefined || place.checked) return;
    place.checked = true;
    for (const older of olderThan(session, stream.ticket).toReversed()) older.stream.supersede();
  }

  return {
    drawTicket: () => (tickets += 1),
    isTaken: (session, ticket) =>
      placesOf(session).some(({ stream, checked }) => stream.ticket > ticket && (checked || !stream.waits)),
    older: (session, ticket) => olderThan(session, ticket).map(({ stream }) => stream),
    enter(session, stream, checked) {
      const older = olderThan(session, stream.ticket);
      const places = [...placesOf(session), { stream, checked: false }];
      sessions.set(
        session,
        places.toSorted((a, b) => a.stream.ticket - b.stream.ticket),
      );
      if (checked) return check(session, stream);
      for (const place of older) if (!place.checked && place.stream.waits) place.stream.supersede();
    },
    check,
    leave(session, stream, cleanly) {
      const left = placesOf(session).filter((place) => place.stream !== stream);
      if (left.length === 0) sessions.delete(session);
      else sessions.set(session, left);
      const [first] = left;
      if (first === undefined || first.stream.ticket <= stream.ticket) return;
      for (const next of left) if (next.stream.ticket === first.stream.ticket) next.stream.proceed(cleanly);
    },
    current: (session) => placesOf(session).at(-1)?.stream,
    get size() {
      return sessions.size;
    },
  };
}
