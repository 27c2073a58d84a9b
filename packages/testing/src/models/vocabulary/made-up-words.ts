// Makes up words that fill a vocabulary up to its size.

const consonants = [..."bcdfghjklmnpqrstvwxz"];
const vowels = [..."aeiou"];

/** All words of one letter, then all words of two letters, and so on, with consonants and vowels in turn: "b", "ba", "bab", "baba" … Endless. */
export function* madeUpWords(prefix: string): Generator<string, never> {
  let shorter = [prefix];
  for (let length = 1; ; length++) {
    const letters = length % 2 === 1 ? consonants : vowels;
    shorter = shorter.flatMap((word) => letters.map((letter) => word + letter));
    yield* shorter;
  }
}
