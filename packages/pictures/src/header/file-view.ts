// Reads numbers and short texts from a file's bytes. A read beyond the end throws a RangeError.

export interface FileView {
  readonly bytes: Uint8Array;
  u8(at: number): number;
  u16(at: number, littleEndian?: boolean): number;
  u24(at: number): number;
  u32(at: number, littleEndian?: boolean): number;
  /** One character for each byte. */
  text(at: number, length: number): string;
}

export function fileView(bytes: Uint8Array): FileView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    bytes,
    u8: (at) => view.getUint8(at),
    u16: (at, littleEndian) => view.getUint16(at, littleEndian),
    /** Little-endian, as only WebP has it. */
    u24: (at) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16),
    u32: (at, littleEndian) => view.getUint32(at, littleEndian),
    text(at, length) {
      if (at + length > bytes.length) throw new RangeError("beyond the end of the file");
      return String.fromCharCode(...bytes.subarray(at, at + length));
    },
  };
}
