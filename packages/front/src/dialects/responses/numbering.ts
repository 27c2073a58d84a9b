// Owns the sequence numbers of a response's events. Clients resume by number, so all streams of a response use the same numbers. The response's own
// events are the same in each stream; keepalives are not, so their numbers are kept here.

export interface Numbering {
  /** For each keepalive so far, in order: the number of other events before it. */
  readonly pauses: number[];
  /** Of those other events, how many have a number by now, as at least one stream has sent them. */
  sent: number;
}

export function createNumbering(): Numbering {
  return { pauses: [], sent: 0 };
}

/** The numbers of one stream. */
export interface Numbers {
  /** Events so far, of both kinds. */
  readonly count: number;
  /** The number of the next keepalive in all streams; undefined where none comes next. */
  nextPause(): number | undefined;
  /** Adds a sign of life; undefined where other streams have sent an event already that comes next in this one. */
  addPause(): number | undefined;
  /** The number of the next event; the signs of life before it have to be taken first. */
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
