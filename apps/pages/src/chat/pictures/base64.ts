// Owns files as base64, for requests and exported files.

/** Characters are made in pieces: a call has a limited number of arguments. */
const pieceBytes = 0x80_00;

export async function dataUrlOf(file: Blob): Promise<string> {
  return `data:${file.type};base64,${await base64Of(file)}`;
}

export async function base64Of(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    text += String.fromCharCode(...bytes.subarray(at, at + pieceBytes));
  }
  return btoa(text);
}

/** @throws DOMException if the text is not base64 */
export function decodeBase64(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
