// Takes the pictures out of a JSON body while it arrives. A picture's hash replaces its base64, so the text that is left is as small as without
// pictures: parsing it takes no longer, and its limits still hold.
import { bodyLimits } from "@waggle/protocol";
import type { PicturePlace } from "@waggle/protocol";
import type { PictureDecoder } from "./picture-decoder.ts";

export interface PictureLifter {
  /** Takes the next bytes of the body; returns those that belong to the text. @throws WaggleError */
  write(chunk: Uint8Array): readonly Uint8Array[];
}

export interface LifterOptions {
  /** The places of pictures in the body. */
  readonly places: PicturePlace;
  /** Begins the next picture of the body. */
  readonly open: () => LiftedPicture;
}

export interface LiftedPicture extends Pick<PictureDecoder, "write"> {
  /** Marks the picture as one that cannot be read. */
  refuse(why: string): void;
  /** Ends the picture. Returns what takes its place in the body. @throws WaggleError resource_exhausted */
  end(): string;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Longer keys name no place of a picture. */
const mostKeyChars = 64;
/** Characters that tell base64 from a URL and from a hash. */
const headChars = "sha256:".length + 1;
/** Characters that tell base64 from other text, which the same field of a document has. */
const sureChars = 64;
const noBytes = Buffer.alloc(0);
/** Longest beginning of a data: URL, up to the comma. */
const mostMetaChars = 256;

interface Level {
  readonly place: PicturePlace | undefined;
  readonly isArray: boolean;
  /** Whether the object has the type "text": a document's text is in the field that has a picture's base64. */
  isText?: boolean;
}

type Inside = "nothing" | "text" | "key" | "type" | "picture";

export function createPictureLifter({ places, open }: LifterOptions): PictureLifter {
  const levels: Level[] = [];
  /** The place of the next value; undefined if no picture can be there. */
  let next: PicturePlace | undefined = places;
  let expectsKey = false;
  /** The kind of string that the scan is in. */
  let inside: Inside = "nothing";
  /** Backslashes directly before the next byte of the string. */
  let slashes = 0;
  let key = "";
  /** The beginning of a string at the place of a picture, until it shows what the string is. */
  let head: { raw: Buffer; plain: Buffer } | undefined;
  let picture: LiftedPicture | undefined;
  /** The beginning of an escape whose end has not arrived. */
  let openEscape = "";

  /** Index of the quote that ends the string, or the end of the chunk. */
  function endOfString(chunk: Buffer, start: number): number {
    for (let from = start; ; slashes = 0) {
      const found = chunk.indexOf(quote, from);
      const at = found === -1 ? chunk.length : found;
      let before = at;
      while (before > from && chunk[before - 1] === backslash) before -= 1;
      slashes = at - before + (before === from ? slashes : 0);
      if (found === -1 || slashes % 2 === 0) return at;
      from = at + 1;
    }
  }

  function structure(byte: number): void {
    switch (byte) {
      case openArray:
      case openObject:
        // Deeper JSON is refused when the text is complete.
        if (levels.length > bodyLimits.depth) return;
        levels.push({ place: next, isArray: byte === openArray });
        return begin();
      case closeArray:
      case closeObject:
        levels.pop();
        next = undefined;
        return;
      case comma:
        return begin();
      case colon:
        expectsKey = false;
        return;
      case quote:
        slashes = 0;
        inside = expectsKey ? "key" : next?.isPicture === true ? "picture" : key === "type" ? "type" : "text";
        key = "";
        openEscape = "";
        head = inside === "picture" ? { raw: noBytes, plain: noBytes } : undefined;
        return;
      default:
        return;
    }
  }

  /** Begins an element of the innermost array or object. */
  function begin(): void {
    const level = levels.at(-1);
    expectsKey = level?.isArray === false;
    next = level?.isArray === true ? level.place?.elements : undefined;
  }

  /** Takes the next bytes of a string at the place of a picture. Returns the beginning of the string if it turns out to be text. */
  function lift(bytes: Buffer): Buffer | undefined {
    const plain = unescaped(bytes);
    if (head === undefined) {
      picture?.write(plain);
      return undefined;
    }
    head = { raw: Buffer.concat([head.raw, bytes]), plain: Buffer.concat([head.plain, plain]) };
    return decide(false);
  }

  /** Finds out what the string is. Returns the beginning of the string if it is text. */
  function decide(isWhole: boolean): Buffer | undefined {
    if (head === undefined) return undefined;
    const { raw, plain } = head;
    if (plain.length < sureChars && !isWhole) return undefined;
    const begin = plain.toString("latin1", 0, mostMetaChars);
    if (/^data:/i.test(begin)) {
      const at = begin.indexOf(",");
      if (at === -1 && !isWhole && plain.length < mostMetaChars) return undefined;
      picture = open();
      if (at === -1 || !/;base64$/i.test(begin.slice(0, at))) picture.refuse("its data: URL is not base64");
      else picture.write(plain.subarray(at + 1));
    } else if (/^[\w+/-]{8,}=*$/.test(begin.slice(0, sureChars))) {
      picture = open();
      picture.write(plain);
    } else {
      inside = "text";
    }
    head = undefined;
    return picture === undefined ? raw : undefined;
  }

  /** Ends a string. Returns the bytes that belong to the text before the quote. */
  function end(): Uint8Array | undefined {
    const was = inside;
    inside = "nothing";
    const level = levels.at(-1);
    if (was === "key" && level !== undefined) {
      next = level.isText === true ? undefined : level.place?.members.get(parsedKey(key));
    }
    if (was === "type" && level?.isArray === false) level.isText = key === "text";
    if (was !== "picture") return undefined;
    const text = decide(true);
    inside = "nothing";
    if (picture === undefined) return text;
    // An escape without an end is not base64.
    if (openEscape !== "") picture.write(Buffer.from(openEscape));
    const source = picture.end();
    picture = undefined;
    return Buffer.from(source);
  }

  /** Resolves JSON's escapes, and removes line breaks. */
  function unescaped(bytes: Buffer): Buffer {
    if (openEscape === "" && !bytes.includes(backslash)) return bytes;
    const whole = openEscape + bytes.toString("latin1");
    openEscape = /\\(?:u[0-9a-f]{0,3})?$/i.exec(whole)?.[0] ?? "";
    const text = whole
      .slice(0, whole.length - openEscape.length)
      .replace(/\\(?:u([0-9a-f]{4})|(.))/gi, (_, hex: string | undefined, char: string) =>
        hex === undefined ? (char === "n" || char === "r" ? "" : char) : String.fromCharCode(Number.parseInt(hex, 16)),
      );
    return Buffer.from(text, "latin1");
  }

  return {
    write(bytes) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const texts: Uint8Array[] = [];
      /** Where the text begins that is not returned yet. */
      let from = 0;
      let at = 0;
      const cut = (): void => {
        if (from < at) texts.push(chunk.subarray(from, at));
      };
      while (at < chunk.length) {
        if (inside === "nothing") {
          structure(chunk[at] ?? 0);
          at += 1;
          continue;
        }
        const until = endOfString(chunk, at);
        // Nothing so short is a picture. Lifting a million such strings would take seconds.
        if (head?.raw === noBytes && until < chunk.length && until - at < headChars) inside = "text";
        if ((inside === "key" || inside === "type") && key.length <= mostKeyChars)
          key += chunk.toString("latin1", at, until);
        if (inside === "picture") {
          cut();
          const text = lift(chunk.subarray(at, until));
          if (text !== undefined) texts.push(text);
          from = until;
        }
        at = until;
        if (until === chunk.length) break;
        const last = end();
        if (last !== undefined) texts.push(last);
        at += 1;
      }
      cut();
      return texts;
    },
  };
}

function parsedKey(key: string): string {
  if (!key.includes("\\")) return key;
  try {
    return JSON.parse(`"${key}"`) as string;
  } catch {
    return "";
  }
}
