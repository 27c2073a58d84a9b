// Owns the cutting of an SSE body into the data of its frames. It does less than @waggle/sse, one string at a time and without a promise
// for each frame: the load client shares the machine with what it measures.
import { StringDecoder } from "node:string_decoder";

export interface FrameCutter {
  /** Calls `onData` with the data of each frame that this chunk completes. */
  push(chunk: Buffer): void;
}

/** A server that ends no frame is broken. */
const frameCharsLimit = 1_048_576;

/** Frames end with an empty line; lines with LF. Frames without data, such as pings, are left out. */
export function createFrameCutter(onData: (data: string) => void): FrameCutter {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  return {
    push(chunk) {
      const text = rest + decoder.write(chunk);
      let from = 0;
      for (let to = text.indexOf("\n\n"); to >= 0; to = text.indexOf("\n\n", from)) {
        const at = text.indexOf("data: ", from);
        // What we read has one line of data a frame, the last one.
        if (at >= 0 && at < to) onData(text.slice(at + "data: ".length, to));
        from = to + 2;
      }
      rest = text.slice(from);
      if (rest.length > frameCharsLimit) throw new Error(`A frame is longer than ${frameCharsLimit} characters`);
    },
  };
}
