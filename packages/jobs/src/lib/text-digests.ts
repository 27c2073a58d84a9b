// Owns the SHA-256 of what each choice of a job has said, kept up while it speaks.
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import type { TokenEvent } from "@waggle/protocol";

/** Characters that are gathered before they are hashed: one hash call for each token would cost more than all else that is done with it. */
const gatheredChars = 4_096;

export interface TextDigests {
  add(token: Pick<TokenEvent, "text" | "choice">): void;
  /** Of all texts of this choice's token events so far, one after the other, in UTF-8; 64 hexadecimal digits. */
  sha256(choice: number): string;
}

interface Digest {
  readonly hash: Hash;
  gathered: string;
}

export function createTextDigests(): TextDigests {
  const digests: (Digest | undefined)[] = [];

  function digestOf(choice: number): Digest {
    return (digests[choice] ??= { hash: createHash("sha256"), gathered: "" });
  }

  return {
    add({ text, choice = 0 }) {
      const digest = digestOf(choice);
      digest.gathered += text;
      if (digest.gathered.length < gatheredChars) return;
      digest.hash.update(digest.gathered);
      digest.gathered = "";
    },
    sha256(choice) {
      const { hash, gathered } = digestOf(choice);
      return hash.copy().update(gathered).digest("hex");
    },
  };
}
