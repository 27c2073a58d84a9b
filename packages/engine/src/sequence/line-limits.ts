// Applies limits by lines to an answer, for editors. llama-server's fields for these limits are n_indent and t_max_predict_ms.
import type { StoppedBy } from "@waggle/protocol";
import type { LineLimits } from "../port/work.ts";
import type { Piece } from "./answer-parts.ts";

export interface LineWatch {
  /**
   * @param pieces text that is about to be sent
   * @param decodeMs time since the first token
   */
  push(pieces: readonly Piece[], decodeMs: number): Watched;
}

export interface Watched {
  /** The part of the text that is sent. */
  readonly pieces: readonly Piece[];
  /** The limit that ends the answer, if one does. */
  readonly by?: Extract<StoppedBy, "time" | "indent">;
}

export function createLineWatch({ maxDecodeMs = Infinity, minIndent = 0 }: LineLimits): LineWatch {
  let hasLeft = false;
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
    push(pieces, decodeMs) {
      // The text that was held back when the answer left the indented block is dropped, too.
      if (hasLeft) return { pieces: [], by: "indent" };
      const sent: Piece[] = [];
      for (const piece of pieces) {
        const dedent = dedentIn(piece.text);
        hasLeft = dedent !== undefined;
        const text = piece.text.slice(0, dedent);
        if (text !== "") sent.push({ ...piece, text });
        if (hasLeft) return { pieces: sent, by: "indent" };
        if (decodeMs > maxDecodeMs && text.includes("\n")) return { pieces: sent, by: "time" };
      }
      return { pieces: sent };
    },
  };
}
