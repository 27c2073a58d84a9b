// Owns texts that stand in a grammar as they are, without quotes or escapes: free text around something, and string values that an end
// marker closes.
import { anyChar, charsOf, codePoint, subtractSet } from "./char-set.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import { charClass, choice, never, type Expression } from "./expression.ts";
import type { Grammar } from "./grammar.ts";
import { languageExpression, type CharSpelling } from "./language-rules.ts";
import { createLanguages, type Language, type Languages } from "./languages.ts";
import { constraintsKey, isPlain, languageText, textLanguage, type StringConstraints } from "./strings.ts";

/** Characters that hardly any value needs, so that a long text can do without one of them. */
const rareChars = "<>[]{}|｜";

/** Up to here each character of a text is a state of its own, and all texts are written; longer ones do without one of the marker's. */
const countedChars = 100;

const spellRaw: CharSpelling = (_, set) => charClass(set);

/** What a text must not hold. */
export interface TextExceptions {
  /** Nowhere in it, nor begun by its end when one of them follows. */
  readonly anywhere: readonly string[];
  /** At its beginning: these texts in a row, with any white space before each. */
  readonly first?: readonly (readonly string[])[];
}

/** Any other text; it may be empty. @throws UnsupportedSchemaError when that takes too many states */
export function textWithout(grammar: Grammar, { anywhere, first = [] }: TextExceptions, hint: string): Expression {
  return grammar.shared(`text without ${JSON.stringify([anywhere, first])}`, hint, (name) => {
    const languages = createLanguages(grammar.spend);
    const blanks = languages.repeat(languages.set(charsOf(" \t\r\n")), 0, Infinity);
    const beginnings = first.map((row) =>
      languages.concat([...row.flatMap((text) => [blanks, textLanguage(languages, text)]), languages.all]),
    );
    // One may follow, and is to be found where it stands: a text before `>>>` cannot end in `>`.
    const others = anywhere.map((marker) => languages.complement(endingAt(languages, marker)));
    const language = languages.complement(languages.union([...others, ...beginnings]));
    return languageExpression(grammar, languages, language, name, spellRaw) ?? tooMany(grammar, "schema", "");
  });
}

/** A string value as it is, up to the end marker, which follows elsewhere: no text would be read to end before it, or after it. */
export function rawString(grammar: Grammar, constraints: StringConstraints, until: string, hint: string): Expression {
  const { minLength, maxLength } = constraints;
  if (minLength > maxLength) return never;
  const within = (languages: Languages): Language => endingAt(languages, until);
  return grammar.shared(`raw ${JSON.stringify(until)} ${constraintsKey(constraints)}`, hint, (name) => {
    const spelling = { name, spell: spellRaw, within };
    const isCounted = minLength > countedChars || (maxLength > countedChars && maxLength !== Infinity);
    const rare = isPlain(constraints) && isCounted ? rareCharOf(until) : undefined;
    if (rare === undefined) return languageText(grammar, constraints, spelling);
    const char = charClass(subtractSet(anyChar, charsOf(rare)));
    return choice(
      minLength > countedChars ? never : languageText(grammar, { ...constraints, maxLength: countedChars }, spelling),
      grammar.counted(char, minLength, maxLength, `${name}-long`),
    );
  });
}

/** The texts after which `until` is found first where it stands. */
function endingAt(languages: Languages, until: string): Language {
  const starts = Array.from(until, (_, index) => until.slice(0, index)).filter(
    (start) => start !== "" && (start + until).indexOf(until) < start.length,
  );
  const early = starts.map((start) => languages.concat([languages.all, textLanguage(languages, start)]));
  return languages.complement(languages.union([containing(languages, until), ...early]));
}

function containing(languages: Languages, marker: string): Language {
  return languages.concat([languages.all, textLanguage(languages, marker), languages.all]);
}

/** One that occurs once: no two markers can overlap in it. */
function rareCharOf(until: string): string | undefined {
  const once = Array.from(until).filter((char, _, all) => all.filter((other) => other === char).length === 1);
  const rare = once.find((char) => rareChars.includes(char)) ?? once[0];
  return rare === undefined || codePoint(rare) === 0x20 ? undefined : rare;
}

function tooMany({ limits }: Grammar, keyword: string, path: string): never {
  throw new UnsupportedSchemaError(path, keyword, `needs an automaton of more than ${limits.patternStates} states`);
}
