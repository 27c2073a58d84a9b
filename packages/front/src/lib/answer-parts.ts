// Owns how a model's text falls into parts as it comes: thoughts, content, tool calls. Nothing is held back longer than it takes to tell.

/** What a piece of text turned out to be. */
export type AnswerPart =
  | { readonly kind: "reasoning"; readonly text: string }
  | { readonly kind: "content"; readonly text: string }
  /** A call begins. */
  | { readonly kind: "call"; readonly index: number; readonly name: string }
  /** More of a call's arguments, as JSON text. */
  | { readonly kind: "arguments"; readonly index: number; readonly text: string };

export interface AnswerParser {
  push(text: string): AnswerPart[];
  /** What was held back: it turned out to be nothing but text. */
  end(): AnswerPart[];
  readonly calls: number;
}

export interface AnswerParserOptions {
  /** Tools that can be called; without any, calls are just text. */
  readonly toolNames: readonly string[];
  /** The grammar lets nothing but calls through. */
  readonly forced: boolean;
}

const thinkOpen = "<think>";
const thinkClose = "</think>";
const callOpen = "<tool_call>";
const callClose = "</tool_call>";
/** A call up to its arguments, which may go by either of the names that models are trained on. */
const callHead = /^\s*\{\s*"name"\s*:\s*"((?:[^"\\]|\\.)*)"\s*,\s*"(?:arguments|parameters)"\s*:\s*/;
/** A call's head is not longer than this; what is, is none. */
const maxHeadChars = 512;

type Mode = "start" | "thinking" | "text" | "head" | "arguments" | "between";

export function createAnswerParser({ toolNames, forced }: AnswerParserOptions): AnswerParser {
  const names = new Set(toolNames);
  let mode: Mode = forced ? "head" : "start";
  let held = "";
  let calls = 0;
  /** Calls stand in `<tool_call>` tags, not bare. */
  let tagged = false;
  let scanner = createValueScanner();
  /** Blanks that come next only set off what was before them. */
  let trim = false;

  function trimHeld(): boolean {
    if (trim) held = held.trimStart();
    trim &&= held === "";
    return !trim;
  }

  /** One piece of progress; undefined when more text is needed. */
  function step(parts: AnswerPart[]): boolean {
    switch (mode) {
      case "start":
        return begin();
      case "thinking":
        return think(parts);
      case "text":
        return speak(parts);
      case "head":
        return readHead(parts);
      case "arguments":
        return readArguments(parts);
      case "between":
        return readBetween();
    }
  }

  /** The answer's first characters decide what it is. */
  function begin(): boolean {
    const text = held.trimStart();
    if (text === "") {
      // Held for as long as they may set something off; each piece looks at all of them again.
      if (trim) held = "";
      if (held.length <= maxHeadChars) return false;
      mode = "text";
      return true;
    }
    if (text.startsWith(thinkOpen)) {
      held = text.slice(thinkOpen.length);
      mode = "thinking";
      trim = true;
      return true;
    }
    if (thinkOpen.startsWith(text)) return false;
    if (trim) held = text;
    trim = false;
    mode = names.size > 0 && text.startsWith("{") ? "head" : "text";
    return true;
  }

  function think(parts: AnswerPart[]): boolean {
    if (!trimHeld()) return false;
    const end = held.indexOf(thinkClose);
    const known = end === -1 ? held.length - overlap(held, thinkClose) : end;
    if (known > 0) parts.push({ kind: "reasoning", text: held.slice(0, known) });
    if (end === -1) {
      held = held.slice(known);
      return false;
    }
    held = held.slice(end + thinkClose.length);
    mode = "start";
    trim = true;
    return true;
  }

  function speak(parts: AnswerPart[]): boolean {
    if (!trimHeld()) return false;
    const start = names.size === 0 ? -1 : held.indexOf(callOpen);
    const known = start === -1 ? held.length - (names.size === 0 ? 0 : overlap(held, callOpen)) : start;
    if (known > 0) parts.push({ kind: "content", text: held.slice(0, known) });
    held = held.slice(start === -1 ? known : start + callOpen.length);
    if (start === -1) return false;
    tagged = true;
    mode = "head";
    return true;
  }

  function readHead(parts: AnswerPart[]): boolean {
    if (forced) held = held.replace(/^[\s[]+/, "");
    const match = callHead.exec(held);
    if (match === null) return held.length > maxHeadChars ? giveUp(parts) : false;
    const name = match[1] ?? "";
    if (!names.has(name)) return giveUp(parts);
    // The head may end in the middle of the blanks before the value; those are not the arguments'.
    if (held.length === match[0].length) {
      held = held.trimEnd();
      return false;
    }
    held = held.slice(match[0].length);
    parts.push({ kind: "call", index: calls, name });
    calls += 1;
    scanner = createValueScanner();
    mode = "arguments";
    return true;
  }

  /** It looked like a call and is none: then it is what it says. */
  function giveUp(parts: AnswerPart[]): boolean {
    parts.push({ kind: "content", text: (tagged ? callOpen : "") + held });
    held = "";
    tagged = false;
    mode = "text";
    return false;
  }

  function readArguments(parts: AnswerPart[]): boolean {
    const end = scanner.feed(held);
    const text = end === undefined ? held : held.slice(0, end);
    if (text !== "") parts.push({ kind: "arguments", index: calls - 1, text });
    held = end === undefined ? "" : held.slice(end);
    if (end === undefined) return false;
    mode = "between";
    return true;
  }

  /** After a call: the rest of its object and its tag, and then perhaps another call. */
  function readBetween(): boolean {
    const rest = held.replace(/^[\s}\],;]+/, "");
    if (tagged) {
      if (rest.startsWith(callClose)) {
        held = rest.slice(callClose.length);
        tagged = false;
        trim = true;
        mode = "text";
        return true;
      }
    }
    held = rest;
    if (tagged && callClose.startsWith(rest)) return false;
    if (rest === "") return false;
    mode = rest.startsWith("{") ? "head" : "text";
    return true;
  }

  return {
    push(text) {
      held += text;
      const parts: AnswerPart[] = [];
      while (step(parts));
      return parts;
    },
    end() {
      const rest = held;
      held = "";
      if (rest.trim() === "" || mode === "between" || mode === "arguments") return [];
      if (mode === "thinking") return [{ kind: "reasoning", text: rest }];
      return [{ kind: "content", text: (tagged ? callOpen : "") + rest }];
    },
    get calls() {
      return calls;
    },
  };
}

/** Length of the longest end of `text` that is a beginning of `mark`. */
function overlap(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length -= 1) {
    if (mark.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

/** Finds where a JSON value ends that arrives in pieces: objects and arrays by their depth, strings with their escapes. */
function createValueScanner(): { feed(text: string): number | undefined } {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let begun = false;
  return {
    feed(text) {
      for (let i = 0; i < text.length; i += 1) {
        const char = text.charAt(i);
        if (inString) {
          if (escaped) escaped = false;
          else if (char === "\\") escaped = true;
          else if (char === '"') {
            inString = false;
            if (depth === 0) return i + 1;
          }
        } else if (char === '"') {
          inString = true;
          begun = true;
        } else if (char === "{" || char === "[") {
          depth += 1;
          begun = true;
        } else if (char === "}" || char === "]") {
          // The bracket of what surrounds a bare number or word: the value ended before it.
          if (depth === 0) return i;
          depth -= 1;
          if (depth === 0) return i + 1;
        } else if (depth === 0 && begun && char === ",") return i;
        else if (char.trim() !== "") begun = true;
      }
      return undefined;
    },
  };
}
