// Decodes token bytes to text that may be sent: whole characters only, and no text that could still become a stop string.

export interface CertainText {
  readonly text: string;
  /** True once a stop string is complete: the text ends before the stop string, and no more text follows. */
  readonly stopped: boolean;
}

/** Creates a decoder that keeps a byte order mark in the text. */
export function createTextDecoder(): InstanceType<typeof TextDecoder> {
  return new TextDecoder("utf-8", { ignoreBOM: true });
}

export interface StopMatcher {
  push(text: string): CertainText;
  /** Returns the text that was held back. No text follows it directly, so it cannot become a stop string. */
  end(): CertainText;
  /** The stop string that was complete first. */
  readonly stopString: string | undefined;
}

/**
 * Finds the end of a text. The first stop string to be complete ends the text; of two that end at the same position, the longer one counts. The borders
 * between tokens make no difference.
 */
export function createStopMatcher(stopStrings: readonly string[]): StopMatcher {
  // Ignore stop strings with half a surrogate pair: decoded text has whole characters only, and the search for such a stop
  // string could split a character.
  const stops = stopStrings.filter((stop) => stop !== "" && !/\p{Surrogate}/u.test(stop));
  let held = "";
  let found: string | undefined;
  return {
    push(added) {
      if (found !== undefined) return { text: "", stopped: true };
      const text = held + added;
      held = "";
      const match = added === "" ? undefined : firstStop(text, stops);
      found = match?.stop;
      if (match !== undefined) return { text: text.slice(0, match.start), stopped: true };
      const certain = certainLength(text, stops);
      held = text.slice(certain);
      return { text: text.slice(0, certain), stopped: false };
    },
    end() {
      const text = held;
      held = "";
      return { text, stopped: found !== undefined };
    },
    get stopString() {
      return found;
    },
  };
}

/** Finds the stop string that is complete first, and its start. */
function firstStop(text: string, stops: readonly string[]): { start: number; stop: string } | undefined {
  let first: { start: number; stop: string } | undefined;
  let end = Infinity;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at < 0) continue;
    const stopEnd = at + stop.length;
    if (stopEnd < end || (stopEnd === end && at < (first?.start ?? Infinity))) {
      first = { start: at, stop };
      end = stopEnd;
    }
  }
  return first;
}

/** Returns the length of the text before the first position at which an unfinished stop string may begin. */
function certainLength(text: string, stops: readonly string[]): number {
  let certain = text.length;
  for (const stop of stops) {
    const first = Math.max(0, text.length - (stop.length - 1));
    for (
      let at = text.indexOf(stop.charAt(0), first);
      at >= 0 && at < certain;
      at = text.indexOf(stop.charAt(0), at + 1)
    ) {
      if (stop.startsWith(text.slice(at))) certain = at;
    }
  }
  return certain;
}
