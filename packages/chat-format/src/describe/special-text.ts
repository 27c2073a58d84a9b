// Owns the rule that text from a client never becomes a control token.
import type { SpecialToken } from "@waggle/models/header";
import { escaped } from "../format/index.ts";

/** A Unicode noncharacter. `guard` removes this character from a client's text, so that the character only marks breaks. */
export const breakMark = "\uFDD0";

export interface SpecialText {
  /** Puts a mark inside each text that is a control token. The tokenizer encodes the pieces between marks, and no piece is a control token. */
  guard(text: string): string;
}

/**
 * Guards control tokens, and user-defined tokens that look like turn markers (`<|user|>`): some vocabularies define their turn markers as
 * user-defined tokens. Other user-defined tokens stay unguarded: templates look for `<think>` in the history.
 */
export function createSpecialText(tokens: Iterable<SpecialToken>): SpecialText {
  const guarded = [...tokens].filter(({ text, control }) => control || looksLikeTurnMarker(text));
  // A token of one character cannot be broken in two. Every marker has more than one character.
  const texts = guarded.map(({ text }) => text).filter((text) => [...text].length > 1);
  /** The first character of each special text, also of texts that overlap. */
  const first = new RegExp(`(?=${texts.map(escaped).join("|")}).`, "gsu");
  return {
    guard(text) {
      const clean = text.replaceAll(breakMark, "\uFFFD");
      return texts.length === 0 ? clean : clean.replaceAll(first, `$&${breakMark}`);
    },
  };
}

function looksLikeTurnMarker(text: string): boolean {
  return /^<[|｜].+>$|^<.+[|｜]>$/su.test(text);
}
