// Defines the source of random numbers and ids, which a simulation replaces.
import { randomBytes } from "node:crypto";

export interface Chance {
  /** Uniform in [0, 1). */
  next(): number;
  /** An id that is unique and cannot be guessed: 32 hexadecimal digits. */
  id(): string;
}

const idBytes = 16;

export const systemChance: Chance = { next: Math.random, id: () => randomBytes(idBytes).toString("hex") };
