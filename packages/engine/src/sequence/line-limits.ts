// Applies limits by lines to an answer, for editors. llama-server's fields for these limits are n_indent and t_max_predict_ms.
import type { StoppedBy } from "@waggle/protocol";
import type { LineLimits } from "../port/work.ts";

export interface LineWatch {
  /**
   * @param text text that is about to be sent
   * @param decodeMs time since the first token
   */
  push(text: string, decodeMs: number): Watched;
}

export interface Watched {
  /** The part of the text that is sent. */
  readonly text: string;
  /** The limit that ends the answer, if one does. */
  readonly by?: Extract<StoppedBy, "time" | "indent">;
}

export function createLineWatch({ maxDecodeMs = Infinity, minIndent = 0 }: LineLimits): LineWatch {
  /** Number of spaces and tabs at the beginning of the current line so far; undefined after another character, and in the first line. */
  let indent: number | undefined;

  /** Returns the position of the first character that is indented too little, or undefined. */
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
      const allowed = dedent === undefined ? text : text.slice(0, dedent);
      if (dedent !== undefined) return { text: allowed, by: "indent" };
      return decodeMs > maxDecodeMs && allowed.includes("\n") ? { text: allowed, by: "time" } : { text: allowed };
    },
  };
}
