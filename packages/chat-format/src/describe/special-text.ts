// Owns the rule that text from a client never becomes a control token.
import type { SpecialToken } from "@waggle/models/header";

/** A Unicode noncharacter. `guard` removes this character from a client's text, so that the character only marks breaks. */
export const breakMark = "\uFDD0";

export interface SpecialText {
  /** Puts a mark inside each text that is a control token. The tokenizer encodes the pieces between marks, and no piece is a control token. */
  guard(text: string): string;
}

/** Node of a prefix tree of all special texts, with one level for each UTF-16 unit. */
interface Node {
  readonly next: Map<string, Node>;
  isEnd: boolean;
}

/**
 * Guards control tokens, and user-defined tokens that look like turn markers (`<|user|>`): some vocabularies define their turn markers as
 * user-defined tokens. Other user-defined tokens stay unguarded: templates look for `<think>` in the history.
 */
export function createSpecialText(tokens: Iterable<SpecialToken>): SpecialText {
  const root: Node = { next: new Map(), isEnd: false };
  for (const { text, control } of tokens) {
    if (control || looksLikeTurnMarker(text)) insert(root, text);
  }

  return {
    guard(text) {
      const clean = text.replaceAll(breakMark, "\uFFFD");
      let guarded = "";
      let copied = 0;
      for (let i = 0; i < clean.length; i++) {
        if (!beginsSpecial(root, clean, i)) continue;
        const cut = i + firstLength(clean, i);
        guarded += clean.slice(copied, cut) + breakMark;
        copied = cut;
      }
      return guarded + clean.slice(copied);
    },
  };
}

function looksLikeTurnMarker(text: string): boolean {
  return /^<[|｜].+>$|^<.+[|｜]>$/su.test(text);
}

function insert(root: Node, text: string): void {
  // A token of one character cannot be broken in two. Every marker has more than one character.
  if (text.length <= firstLength(text, 0)) return;
  let node = root;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charAt(i);
    let next = node.next.get(unit);
    if (next === undefined) node.next.set(unit, (next = { next: new Map(), isEnd: false }));
    node = next;
  }
  node.isEnd = true;
}

function beginsSpecial(root: Node, text: string, start: number): boolean {
  let node: Node | undefined = root;
  for (let i = start; i < text.length; i++) {
    node = node.next.get(text.charAt(i));
    if (node === undefined) return false;
    if (node.isEnd) return true;
  }
  return false;
}

/** Number of UTF-16 units of the character at `i`. */
function firstLength(text: string, i: number): number {
  return (text.codePointAt(i) ?? 0) > 0xffff ? 2 : 1;
}
