// Owns the way from token bytes to text that may be shown: whole characters only, and nothing that could still become
// a stop string.

export interface TextAssembler {
  /**
   * Takes a token's bytes and returns the text that is certain now. `stopped` once a stop string is complete: the
   * text then ends before it, and nothing more will come.
   */
  push(bytes: Uint8Array): { readonly text: string; readonly stopped: boolean };
  /** The generation has ended: what was held back comes out, an unfinished character as U+FFFD. */
  end(): { readonly text: string; readonly stopped: boolean };
}

/**
 * Text of one job. The stop string that is complete first ends it; of two that are complete at once, the longer.
 * Where the tokens' borders lie makes no difference to the text.
 */
export function createTextAssembler(stopStrings: readonly string[]): TextAssembler {
  // Decoded text never holds half a surrogate pair, so a stop string that does can never match, and would cut a
  // character in two.
  const stops = stopStrings.filter((stop) => stop !== "" && !/\p{Surrogate}/u.test(stop));
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let held = "";
  let stopped = false;

  function take(decoded: string, isLast: boolean): { text: string; stopped: boolean } {
    if (stopped) return { text: "", stopped };
    const text = held + decoded;
    held = "";
    const match = decoded === "" ? undefined : firstStop(text, stops);
    stopped = match !== undefined;
    if (match !== undefined) return { text: text.slice(0, match), stopped };
    const certain = isLast ? text.length : certainLength(text, stops);
    held = text.slice(certain);
    return { text: text.slice(0, certain), stopped };
  }

  return {
    push: (bytes) => take(decoder.decode(bytes, { stream: true }), false),
    end: () => take(decoder.decode(), true),
  };
}

/** Where the stop string that is complete first begins. */
function firstStop(text: string, stops: readonly string[]): number | undefined {
  let start: number | undefined;
  let end = Infinity;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at < 0) continue;
    const stopEnd = at + stop.length;
    if (stopEnd < end || (stopEnd === end && at < (start ?? Infinity))) {
      start = at;
      end = stopEnd;
    }
  }
  return start;
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
