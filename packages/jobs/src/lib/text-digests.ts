// Owns the SHA-256 of what each choice of a job has said, kept up while it speaks: the log may have dropped the beginning by its end.
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import type { TokenEvent } from "@waggle/protocol";

export interface TextDigests {
  /** Whole characters only, as token events have them. */
  add(token: Pick<TokenEvent, "text" | "choice">): void;
  /** Of all texts of this choice's token events so far, one after the other, in UTF-8; 64 hexadecimal digits. */
  sha256(choice: number): string;
}

export function createTextDigests(): TextDigests {
  const hashes: (Hash | undefined)[] = [];

  function hashOf(choice: number): Hash {
    return (hashes[choice] ??= createHash("sha256"));
  }

  return {
    add({ text, choice = 0 }) {
      hashOf(choice).update(text);
    },
    sha256: (choice) => hashOf(choice).copy().digest("hex"),
  };
}
