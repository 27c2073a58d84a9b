// Writes texts without quotes or escapes: free text between other parts, and string values that an end marker closes.
import { anyChar, charsOf, codePoint, subtractSet, uniteSets, type CharRange } from "../../rules/char-set.ts";
import { UnsupportedSchemaError } from "../../rules/errors.ts";
import { charClass, choice, never, type Expression } from "../../rules/expression.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { languageExpression, type CharSpelling } from "../../rules/language-rules.ts";
import { createLanguages, type Language, type Languages } from "../../rules/languages.ts";
import { constraintsKey, isPlain, languageText, textLanguage, type StringConstraints } from "./strings.ts";

/** Characters that few values contain. If the end marker has such a character, long texts exclude the character and so cannot contain the marker. */
const rareChars = "<>[]{}|｜";

/** Up to this length, texts may contain all characters, which costs a state for each character. Longer texts have no rare character of the marker. */
const countedChars = 100;

const spellRaw: CharSpelling = (_, set) => charClass(set);

/** Texts in a row, with optional white space between them. For each place in the row, one of several texts. */
export type TextRow = readonly (readonly string[])[];

/** Texts that must not occur. */
export interface TextExceptions {
  /** Rows that must not occur. If an end marker follows, its first occurrence must be right after the text. */
  readonly anywhere: readonly TextRow[];
  /** Rows with which the text must not begin, also not after white space. */
  readonly first?: readonly TextRow[];
  /** Noncharacters that the text may contain, in addition to all characters. */
  readonly marks?: string;
}

/** Any text without these exceptions, also the empty text. @throws UnsupportedSchemaError if the exceptions need too many states */
export function textWithout(
  grammar: Grammar,
  { anywhere, first = [], marks = "" }: TextExceptions,
  hint: string,
): Expression {
  return grammar.shared(`text without ${JSON.stringify([anywhere, first, marks])}`, hint, (name) => {
    const added = Array.from(marks, codePoint).map((mark): CharRange => [mark, mark]);
    const languages = createLanguages(grammar.spend, uniteSets(added));
    const { all } = languages;
    const blanks = languages.repeat(languages.set(charsOf(" \t\r\n")), 0, Infinity);
    const inRow = (row: TextRow): Language[] =>
      row.flatMap((texts) => [blanks, languages.union(texts.map((text) => textLanguage(languages, text)))]);
    const beginnings = first.map((row) => languages.concat([...inRow(row), all]));
    const others = anywhere.map((row) => {
      const [marker] = row[0] ?? [];
      if (row.length > 1 || marker === undefined || row[0]?.length !== 1)
        return languages.concat([all, ...inRow(row).slice(1), all]);
      // An end marker may follow, and a search must find the marker there: a text before `>>>` cannot end in `>`.
      return languages.complement(endingAt(languages, marker));
    });
    const language = languages.complement(languages.union([...others, ...beginnings]));
    return languageExpression(grammar, languages, language, name, spellRaw) ?? tooManyStates(grammar);
  });
}

/** A string value without quotes. The caller writes the end marker after it; a search finds the marker exactly at the end of the text. */
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

/** The texts after which `until` can be appended such that the first occurrence of `until` is right after the text. */
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

/** A rare character that occurs exactly once in the marker. */
function rareCharOf(until: string): string | undefined {
  const once = Array.from(until).filter((char, _, all) => all.filter((other) => other === char).length === 1);
  const rare = once.find((char) => rareChars.includes(char)) ?? once[0];
  return rare === undefined || codePoint(rare) === 0x20 ? undefined : rare;
}

function tooManyStates({ limits }: Grammar): never {
  throw new UnsupportedSchemaError("", "schema", `needs an automaton of more than ${limits.patternStates} states`);
}
