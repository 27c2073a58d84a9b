// Owns the sequence numbers of a response's events. Clients resume by number, so all streams of a response use the same numbers. The same tokens make
// the same events in each stream, but keepalives depend on time, so their positions are stored here.

export interface Numbering {
  /** For each keepalive so far, in order: the number of events before that keepalive, where keepalives do not count. */
  readonly pauses: number[];
  /** Number of events, without keepalives, that at least one stream has sent. The numbers of these events are fixed. */
  sent: number;
}

export function createNumbering(): Numbering {
  return { pauses: [], sent: 0 };
}

/** The numbers of one stream. */
export interface Numbers {
  /** Number of events so far, keepalives included. */
  readonly count: number;
  /** The number of the next event if that event is a stored keepalive, else undefined. */
  nextPause(): number | undefined;
  /** Adds a keepalive and returns its number; undefined if another stream has sent this stream's next event. */
  addPause(): number | undefined;
  /** The number of the next event. Call `nextPause` first, until it returns undefined. */
  next(): number;
}

export function createNumbers(numbering: Numbering): Numbers {
  let sent = 0;
  let paused = 0;

  function nextPause(): number | undefined {
    if (numbering.pauses[paused] !== sent) return undefined;
    paused += 1;
    return sent + paused - 1;
  }

  return {
    get count() {
      return sent + paused;
    },
    nextPause,
    addPause() {
      if (sent < numbering.sent) return undefined;
      numbering.pauses.push(sent);
      return nextPause();
    },
    next() {
      sent += 1;
      numbering.sent = Math.max(numbering.sent, sent);
      return sent + paused - 1;
    },
  };
}
