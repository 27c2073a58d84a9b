// Owns the way from token bytes to text that may be shown: whole characters only, and nothing that could still become
// a stop string.

/** Text that is certain now. `stopped` once a stop string is complete: the text then ends before it, and nothing more will come. */
export interface CertainText {
  readonly text: string;
  readonly stopped: boolean;
}

export interface TextAssembler {
  push(bytes: Uint8Array): CertainText;
  /** The generation has ended: what was held back comes out, an unfinished character as U+FFFD. */
  end(): CertainText;
  /** The stop string that ended the text. */
  readonly stopString: string | undefined;
}

/**
 * Text of one job. The stop string that is complete first ends it; of two that are complete at once, the longer.
 * Where the tokens' borders lie makes no difference to the text.
 */
export function createTextAssembler(stopStrings: readonly string[]): TextAssembler {
  const decoder = createTextDecoder();
  const stops = createStopMatcher(stopStrings);
  return {
    push: (bytes) => stops.push(decoder.decode(bytes, { stream: true })),
    end() {
      const rest = stops.push(decoder.decode());
      const held = stops.end();
      return { text: rest.text + held.text, stopped: held.stopped };
    },
    get stopString() {
      return stops.stopString;
    },
  };
}

/** Whole characters from bytes, whatever they are. */
export function createTextDecoder(): InstanceType<typeof TextDecoder> {
  return new TextDecoder("utf-8", { ignoreBOM: true });
}

export interface StopMatcher {
  push(text: string): CertainText;
  /** No more text comes for now: what was held back is no stop string. */
  end(): CertainText;
  /** The one that was complete first. */
  readonly stopString: string | undefined;
}

export function createStopMatcher(stopStrings: readonly string[]): StopMatcher {
  // Decoded text never holds half a surrogate pair, so a stop string that does can never match, and would cut a
  // character in two.
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

/** The stop string that is complete first, and where it begins. */
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

/** How much of the text cannot be the beginning of a stop string any more. */
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
