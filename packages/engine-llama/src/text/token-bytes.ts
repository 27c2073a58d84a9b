// Computes the bytes that a token adds to the text. They are not a string, because a token may be a part of a character.

/** How the file writes tokens: as text with U+2581 for spaces, or with a printable character for each byte (GPT-2). */
export type PieceEncoding = "spaces" | "bytes";

/** llama.cpp's attributes of a token, which correct the attributes in the file. */
export interface TokenKind {
  readonly control: boolean;
  readonly unknown: boolean;
  readonly userDefined: boolean;
  readonly byte: boolean;
}

export interface TokenBytesOptions {
  /** Texts of all tokens, as in the file. */
  readonly pieces: readonly string[];
  readonly encoding: PieceEncoding;
  readonly kindOf: (token: number) => TokenKind;
}

const none = new Uint8Array();
const encoder = new TextEncoder();

/** Computes the bytes of a token at its first use, because most of a vocabulary is never used. */
export function createTokenBytes({ pieces, encoding, kindOf }: TokenBytesOptions): (token: number) => Uint8Array {
  const cache: (Uint8Array | undefined)[] = Array.from({ length: pieces.length });

  function decode(token: number, piece: string): Uint8Array {
    const { control, unknown, userDefined, byte } = kindOf(token);
    if (control || unknown) return none;
    if (userDefined) return encoder.encode(piece);
    if (byte) return decodeByte(piece);
    return encoding === "bytes" ? decodeBytes(piece) : encoder.encode(piece.replaceAll("\u2581", " "));
  }

  return (token) => {
    const piece = pieces[token];
    if (piece === undefined) return none;
    return (cache[token] ??= decode(token, piece));
  };
}

/** Pre-tokenizers whose vocabularies do not write bytes as characters, although they are of llama.cpp's `gpt2` family. */
const spacedPreTokenizers = new Set(["gemma4", "granite-embed-multi-311m", "sarvam-moe"]);

export function pieceEncoding(tokenizerModel: string, preTokenizer: string | undefined): PieceEncoding {
  const family = tokenizerModel === "gpt2" || tokenizerModel === "hybriddna" || tokenizerModel === "whitespace";
  return family && !spacedPreTokenizers.has(preTokenizer ?? "") ? "bytes" : "spaces";
}

function decodeByte(piece: string): Uint8Array {
  const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece)?.[1];
  return hex === undefined ? encoder.encode(piece) : Uint8Array.of(Number.parseInt(hex, 16));
}

function decodeBytes(piece: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of piece) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) bytes.push(...encoder.encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** GPT-2's alphabet: printable bytes are their own characters; the other 68 bytes are U+0100, U+0101 and so on, in order. */
const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 256 }, (_, byte) => byte).map((byte) => [characterOfByte(byte), byte]),
);

function characterOfByte(byte: number): string {
  if (isPrintable(byte)) return String.fromCharCode(byte);
  const others = Array.from({ length: byte }, (_, before) => before).filter((before) => !isPrintable(before)).length;
  return String.fromCharCode(0x100 + others);
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}
