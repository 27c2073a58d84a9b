// Owns the seed of a token: what it draws depends on its job's seed and its place, and on nothing that was computed before or beside it.

/** llama.cpp takes this seed for "draw one". */
const randomSeed = 0xffff_ffff;
/** What MurmurHash3 ends with: the length of what was hashed. */
const positionBytes = 4;

/**
 * MurmurHash3_x86_32 (Austin Appleby, public domain) of the position's four bytes, with the job's seed as the hash's. For one seed no two
 * positions share a value, and for one position no two seeds, but that 0xffffffff becomes 0.
 * @param seed of 32 bits
 * @param position how many tokens of the sequence come before the token
 * @returns 32 bits, never 0xffffffff
 */
export function tokenSeed(seed: number, position: number): number {
  let key = Math.imul(position, 0xcc9e_2d51);
  key = Math.imul((key << 15) | (key >>> 17), 0x1b87_3593);
  let hash = seed ^ key;
  hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe654_6b64;
  hash ^= positionBytes;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  const mixed = (hash ^ (hash >>> 16)) >>> 0;
  return mixed === randomSeed ? 0 : mixed;
}
