// Computes the hashes of an answer's texts while it grows.
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import type { TokenEvent } from "@waggle/protocol";

/** Hashes the text of each choice with each token event, because the log may have dropped the text's beginning when the job ends. */
export interface TextDigests {
  /** Adds the text of a token event, which has whole characters only. */
  add(token: Pick<TokenEvent, "text" | "choice">): void;
  /** Returns the SHA-256 of this choice's text so far, in UTF-8. 64 hexadecimal digits. */
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
