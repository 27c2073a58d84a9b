// Owns the ends of an answer that only its lines decide, as editors ask for them; llama-server calls them n_indent and t_max_predict_ms.
import type { StoppedBy } from "@waggle/protocol";

export interface LineLimits {
  /** Once this long has passed since the first token, the next newline ends the answer. */
  readonly maxDecodeMs?: number;
  /** A line after the first one that begins with fewer spaces and tabs ends the answer, and is not part of it but for these. */
  readonly minIndent?: number;
}

export interface LineWatch {
  /**
   * @param text that is about to be told
   * @param decodeMs since the first token
   */
  push(text: string, decodeMs: number): Watched;
}

/** How much of the text is told, and why it is the last. */
export interface Watched {
  readonly text: string;
  readonly by?: Extract<StoppedBy, "time" | "indent">;
}

export function createLineWatch({ maxDecodeMs = Infinity, minIndent = 0 }: LineLimits): LineWatch {
  /** Spaces and tabs that the line has begun with; undefined within a line, and in the first. */
  let indent: number | undefined;

  /** Where the text leaves the block, if it does. */
  function dedentIn(text: string): number | undefined {
    for (let at = 0; at < text.length; at++) {
      const character = text.charAt(at);
      if (indent !== undefined && (character === " " || character === "\t")) {
        indent += 1;
        continue;
      }
      if (indent !== undefined && indent < minIndent) return at;
      indent = character === "\n" ? 0 : undefined;
    }
    return undefined;
  }

  return {
    push(text, decodeMs) {
      const dedent = dedentIn(text);
      const said = dedent === undefined ? text : text.slice(0, dedent);
      if (dedent !== undefined) return { text: said, by: "indent" };
      return decodeMs > maxDecodeMs && said.includes("\n") ? { text: said, by: "time" } : { text: said };
    },
  };
}
