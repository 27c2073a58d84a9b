// Computes the language of all texts in which a regular expression matches; resolves anchors and lookaheads.
import type { Language, Languages } from "../../rules/languages.ts";
import { RegexError } from "./parse-regex.ts";
import type { RegexSyntax } from "./regex-syntax.ts";

/** Returns the language of the rest of the text; `atStart` is true at the start of the text. */
type Rest = (atStart: boolean) => Language;

/** @throws RegexError for an anchor or a lookahead at a position where no language expresses it */
export function languageOfRegex(languages: Languages, syntax: RegexSyntax): Language {
  const found = restOf(languages, syntax, () => languages.all);
  if (!mentions(syntax, "start")) return languages.concat([languages.all, found(false)]);
  const later = languages.concat([languages.repeat(languages.anyOne, 1, Infinity), found(false)]);
  return languages.union([found(true), later]);
}

/** The rest of a text that begins with `syntax` and continues with `next`. */
function restOf(languages: Languages, syntax: RegexSyntax, next: Rest): Rest {
  if (isPlain(syntax)) return plainRest(languages, syntax, next);
  switch (syntax.kind) {
    case "start":
      return (atStart) => (atStart ? next(true) : languages.none);
    case "end":
      return (atStart) => (next(atStart).nullable ? languages.empty : languages.none);
    case "lookahead":
      return lookaheadRest(languages, syntax, next);
    case "concat":
      return syntax.items.reduceRight<Rest>((rest, item) => restOf(languages, item, once(rest)), next);
    case "alternation": {
      const options = syntax.options.map((option) => restOf(languages, option, once(next)));
      return (atStart) => languages.union(options.map((option) => option(atStart)));
    }
    case "repeat": {
      if (syntax.max > 1)
        throw new RegexError("has an anchor or a lookahead within a repetition, which is not supported");
      const item = restOf(languages, syntax.item, next);
      if (syntax.max === 0) return next;
      return syntax.min === 1 ? item : (atStart) => languages.union([item(atStart), next(atStart)]);
    }
    case "set":
      return plainRest(languages, syntax, next);
  }
}

function plainRest(languages: Languages, syntax: RegexSyntax, next: Rest): Rest {
  const language = plainLanguage(languages, syntax);
  return (atStart) => {
    const later = languages.concat([language, next(false)]);
    return atStart && language.nullable ? languages.union([next(true), later]) : later;
  };
}

function lookaheadRest(languages: Languages, syntax: RegexSyntax & { kind: "lookahead" }, next: Rest): Rest {
  const ahead = restOf(languages, syntax.item, () => languages.all);
  return (atStart) => {
    const found = ahead(atStart);
    return languages.intersection([syntax.negative ? languages.complement(found) : found, next(atStart)]);
  };
}

/** Caches both results of `rest`. Without the cache, each group in a sequence of groups would double the work. */
function once(rest: Rest): Rest {
  const answers = new Map<boolean, Language>();
  return (atStart) => {
    const answer = answers.get(atStart) ?? rest(atStart);
    answers.set(atStart, answer);
    return answer;
  };
}

function plainLanguage(languages: Languages, syntax: RegexSyntax): Language {
  switch (syntax.kind) {
    case "set":
      return languages.set(syntax.set);
    case "concat":
      return languages.concat(syntax.items.map((item) => plainLanguage(languages, item)));
    case "alternation":
      return languages.union(syntax.options.map((option) => plainLanguage(languages, option)));
    case "repeat":
      return languages.repeat(plainLanguage(languages, syntax.item), syntax.min, syntax.max);
    case "start":
    case "end":
    case "lookahead":
      throw new RegexError("has an anchor where none can be");
  }
}

function isPlain(syntax: RegexSyntax): boolean {
  return !mentions(syntax, "start") && !mentions(syntax, "end") && !mentions(syntax, "lookahead");
}

function mentions(syntax: RegexSyntax, kind: RegexSyntax["kind"]): boolean {
  const listed = "items" in syntax ? syntax.items : "options" in syntax ? syntax.options : [];
  const inner = "item" in syntax ? [syntax.item] : listed;
  return syntax.kind === kind || inner.some((one) => mentions(one, kind));
}
