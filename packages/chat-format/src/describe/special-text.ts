// Owns the rule that text from a client never becomes a control token.
import type { SpecialToken } from "@waggle/models/header";

/** A noncharacter: no text may carry it, so it can mark a place in one. */
export const breakMark = "\uFDD0";

export interface SpecialText {
  /** Puts a mark inside each text that is a control token; the tokenizer works on the pieces between marks, and no piece is a control token. */
  guard(text: string): string;
}

/** A node of the tree of all special texts, by UTF-16 unit. */
interface Node {
  readonly next: Map<string, Node>;
  isEnd: boolean;
}

/**
 * Turn markers are control tokens in most vocabularies and user-defined ones in some, where they look like `<|user|>`. Other user-defined
 * tokens are left alone: templates look for `<think>` in the history.
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
  // A token of one character cannot be broken in two, and is never a marker.
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

/** UTF-16 units of the character at this place. */
function firstLength(text: string, i: number): number {
  return (text.codePointAt(i) ?? 0) > 0xffff ? 2 : 1;
}
